"""Who is on duty, and how an alarm reaches them: by mail and by webhook, until somebody's machine has taken it."""
