"""Time decay: a touch weighs half as much for every half-life that it lies before the order."""

from dataclasses import dataclass

from pipelines.errors import SettingsError
from pipelines.gold.attribution.apportionment import credits_by_source
from pipelines.gold.attribution.models import Credits, Model
from pipelines.gold.attribution.touches import MICROS, Path

WEEK_SECONDS = 7 * 86_400
_UNIT = 1 << 60
"""Weights are integers: this one is the newest touch's, and 60 half-lives before it a touch weighs 1."""


@dataclass(frozen=True)
class Decay:
    """The half-life: `longest_seconds`, but at most the look-back divided by `per_look_back`.

    So with the defaults it is the usual 7 days for look-backs from 28 days on, and 2.5 minutes for one
    of 10 minutes, in which 7 days would hardly tell a touch from the next. SettingsError: not positive.
    """

    longest_seconds: int = WEEK_SECONDS
    per_look_back: int = 4

    def __post_init__(self) -> None:
        if self.longest_seconds <= 0 or self.per_look_back <= 0:
            raise SettingsError("Time decay needs a half-life of more than 0 seconds.")

    def half_life_micros(self, look_back_seconds: int | None) -> float:
        """In microseconds, for paths of this look-back; null: a look-back without end."""
        longest = self.longest_seconds * MICROS
        if not look_back_seconds:
            return longest
        return min(longest, look_back_seconds * MICROS / self.per_look_back)

    def weights(self, path: Path) -> list[int]:
        """2^(-age / half-life) of each touch, relative to the newest, which leaves the shares the same."""
        half_life = self.half_life_micros(path.look_back_seconds)
        newest = max((touch.occurred_at for touch in path.touches), default=0)
        return [round(_UNIT * 2.0 ** ((touch.occurred_at - newest) / half_life)) for touch in path.touches]


def time_decay(decay: Decay, *, name: str, title: str) -> Model:
    """The model with this half-life."""

    def credit(path: Path) -> Credits:
        return credits_by_source(path.touches, decay.weights(path))

    return Model(name=name, title=title, credit=credit)


MODEL = time_decay(Decay(), name="time_decay", title="Time decay")
