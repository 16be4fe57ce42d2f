"""How good a model's probabilities are, how sure that is, and whether it still holds."""
