"""The log of decisions: what became of them, figures of them, the proof that they can be made again."""
