"""Tasks: something that a person has to do, whoever noticed it."""
