"""How quick decisions are, beside what else could serve the same model."""
