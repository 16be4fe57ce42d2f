"""From raw clicks to bronze, silver and gold Delta tables, and the machinery that runs them."""
