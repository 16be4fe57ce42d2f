"""Parsed, typed, validated rows; every reject a dead letter."""
