"""What can be booked, by whom, when, at which price; and what became of it."""
