"""Decisions and what became of them: outcomes, weights, figures. Arrow and numpy, no input or output."""
