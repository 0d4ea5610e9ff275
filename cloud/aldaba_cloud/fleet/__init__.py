"""Controllers: pairing them, hearing them, telling them."""
