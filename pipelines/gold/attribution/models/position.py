"""Position-based (U-shaped): 40 % to the first touch, 40 % to the last, the rest evenly between them."""

from dataclasses import dataclass

from pipelines.errors import SettingsError
from pipelines.gold.attribution.apportionment import credits_by_source
from pipelines.gold.attribution.models import Credits, Model
from pipelines.gold.attribution.touches import Path


@dataclass(frozen=True)
class Positions:
    """Percent of the first and of the last touch; what is left is of the touches between them.

    SettingsError: they leave less than nothing, or both are 0.
    """

    first: int = 40
    last: int = 40

    def __post_init__(self) -> None:
        if min(self.first, self.last) < 0 or not 0 < self.first + self.last <= 100:
            raise SettingsError(
                f"Position-based credit needs percentages of first and last touch that sum to 1..100, "
                f"not {self.first} and {self.last}."
            )

    @property
    def between(self) -> int:
        """Percent of all touches between first and last together."""
        return 100 - self.first - self.last

    def weights(self, touches: int) -> list[int]:
        """Weights of so many touches. Two share as first : last; a single one takes all."""
        if touches < 3:
            return [[], [1], [self.first, self.last]][touches]
        inner = touches - 2
        return [self.first * inner, *[self.between] * inner, self.last * inner]


def position(positions: Positions, *, name: str, title: str) -> Model:
    """The model with these percentages."""

    def credit(path: Path) -> Credits:
        return credits_by_source(path.touches, positions.weights(len(path.touches)))

    return Model(name=name, title=title, credit=credit)


MODEL = position(Positions(), name="position", title="Position 40/20/40")
