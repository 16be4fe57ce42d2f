"""What a simulated shop is made of: plain values, checked before anything starts."""

import math
from dataclasses import dataclass

from pipelines.errors import SettingsError

MS_PER_SECOND = 1_000
MICROS_PER_MS = 1_000
_SHARES = (
    "late_share",
    "duplicate_share",
    "broken_share",
    "avro_share",
    "bot_share",
    "offer_share",
    "rhythm",
)
_COUNTS = ("products", "users", "offers")
_POSITIVE = ("rate", "horizon_seconds", "max_records", "pace_seconds", "look_back_seconds")
_MOST_EXTRA = 0.5


@dataclass(frozen=True, kw_only=True)
class ShopConfig:
    """A simulated shop. Raises `SettingsError` when a value makes no sense.

    `rate` is records per second on clicks and orders together, broken and duplicate ones included;
    `late_share`, `duplicate_share` and `broken_share` are shares of those records. `start` is the
    moment of the first click in UTC microseconds. The shop closes after `horizon_seconds` or
    `max_records` on clicks and orders, whichever comes first; null means never. `pace_seconds` is
    the mean time between two steps of a shopper: these shoppers hurry, so that a minute shows
    whole visits; every other duration of the model is a multiple of it. `rhythm` is how strongly
    the rate follows the hour of the day, 0 to 1. `look_back_seconds` bounds the true touch path.
    """

    seed: int = 7
    rate: float = 100.0
    start: int = 1_700_000_000_000_000
    horizon_seconds: float | None = 60.0
    max_records: int | None = None
    late_share: float = 0.05
    duplicate_share: float = 0.02
    broken_share: float = 0.01
    avro_share: float = 0.0
    bot_share: float = 0.03
    offer_share: float = 0.1
    products: int = 500
    users: int = 2_000
    offers: int = 20
    pace_seconds: float = 2.0
    rhythm: float = 0.5
    look_back_seconds: float = 600.0

    def __post_init__(self) -> None:
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(
                    f"simulator: `{name}` is {getattr(self, name)}; give a share from 0 to 1."
                )
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise SettingsError(f"simulator: `{name}` is {getattr(self, name)}; give at least 1.")
        for name in _POSITIVE:
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise SettingsError(f"simulator: `{name}` is {value}; give a number above 0.")
        extra = self.duplicate_share + self.broken_share
        if extra > _MOST_EXTRA or self.late_share > 1 - extra:
            raise SettingsError(
                "simulator: `duplicate_share` and `broken_share` may be at most a half together, and "
                "`late_share` at most the rest: they are shares of one whole."
            )

    @property
    def start_ms(self) -> int:
        """The first moment, in whole milliseconds since 1970."""
        return self.start // MICROS_PER_MS

    @property
    def pace_ms(self) -> float:
        """Mean time between two steps of a shopper, in milliseconds."""
        return self.pace_seconds * MS_PER_SECOND
