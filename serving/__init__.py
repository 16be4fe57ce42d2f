"""The doors of the running system: event collector, live page, decisions."""
