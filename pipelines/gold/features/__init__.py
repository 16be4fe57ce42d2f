"""Features: one definition of each, and the interpreters that make history, live values and tables of it."""
