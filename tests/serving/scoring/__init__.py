"""The scorer put together."""
