"""The rules of money, one table for each section: every number a rule names stands here with its sentence."""
