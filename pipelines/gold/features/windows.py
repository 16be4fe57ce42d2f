"""Windows: all of an entity's time, or what trails a moment, counted in tiles."""

from dataclasses import dataclass

MICROS = 1_000_000
_HOUR = 3600
_DAY = 24 * _HOUR


@dataclass(frozen=True)
class Window:
    """What trails a moment by `seconds`, begun at the last full `hop` before; both null: a lifetime.

    Tiles begin at multiples of the hop since 1970. A window at `at` holds the tiles from
    floor(at - seconds) to that of `at` itself, so it is up to one hop longer than its name says.
    """

    suffix: str = ""
    seconds: int = 0
    hop: int = 0

    def named(self, feature: str) -> str:
        """The column of the feature over this window."""
        return f"{feature}_{self.suffix}" if self.suffix else feature

    def tiles(self, at: int) -> range:
        """Starts of its tiles at a moment, all in UTC microseconds."""
        hop = self.hop * MICROS
        first = (at - self.seconds * MICROS) // hop * hop
        return range(first, at // hop * hop + 1, hop)


LIFETIME = Window()
LAST_HOUR = Window("1h", _HOUR, 300)
LAST_DAY = Window("24h", _DAY, _HOUR)
LAST_WEEK = Window("7d", 7 * _DAY, _DAY)
LAST_MONTH = Window("30d", 30 * _DAY, _DAY)
TRAILING = (LAST_HOUR, LAST_DAY, LAST_WEEK, LAST_MONTH)
