"""One module a technology: Kafka, Delta, Postgres, files. All names and paths are in names.py."""
