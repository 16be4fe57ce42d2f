"""What the streams did: written to Postgres by them, read back for the page and the reports."""
