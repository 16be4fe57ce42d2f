"""Sessions, queries, metrics, embedded services: what runs the transforms."""
