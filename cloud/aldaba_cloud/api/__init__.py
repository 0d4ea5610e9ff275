"""What every address of `/api/v1` has in common: writes that may be sent twice, pages of lists, editions, examples."""
