"""Mail to people: written in the transaction of what it tells, sent by a job, each letter once."""
