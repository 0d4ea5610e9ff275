"""The cloud end of the wire: the one place where controllers, rules, presence and live pages meet."""
