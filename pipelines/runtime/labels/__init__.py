"""Labels and examples in the lake: settled, given their features, and read for training."""
