"""How long to wait before trying again what has failed: twice as long each time, up to a bound."""

_MOST_DOUBLINGS = 64
"""Enough for any two bounds, and few enough to stay within a float whatever the failures."""


def pause_after(failures: int, *, first: float, longest: float) -> float:
    """Seconds to wait after so many failures in a row: `first` after one, never more than `longest`."""
    return min(first * 2.0 ** min(failures - 1, _MOST_DOUBLINGS), longest)
