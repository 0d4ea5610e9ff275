"""Who may sign in, with which roles, and the sessions they hold."""
