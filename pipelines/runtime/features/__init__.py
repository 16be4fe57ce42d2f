"""Feature sets as they run: the online store in Postgres, one of their interpreters."""
