"""A shop whose shoppers have hidden intent and whose truth is known."""
