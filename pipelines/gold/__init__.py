"""Features, labels, attribution and marts derived from silver."""
