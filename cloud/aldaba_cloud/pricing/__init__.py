"""Prices, parts of prices, discounts, tax, quotas and credits."""
