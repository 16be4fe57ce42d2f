"""Which model may go live: challengers against the champion on rows that none of them has seen."""
