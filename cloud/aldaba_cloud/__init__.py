"""The cloud: where people change things, and where what doors saw is kept."""
