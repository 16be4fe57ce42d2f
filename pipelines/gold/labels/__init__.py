"""What became of decisions: problems' decisions and outcomes among feature events, and their join."""
