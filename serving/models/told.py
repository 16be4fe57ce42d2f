"""What the watch of models tells of itself. Objects are replaced as a whole: any thread may read them."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Refusal:
    """A version that the registry names and that is not loaded; None: the problem as a whole."""

    version: int | None
    at: datetime
    why: str


@dataclass(frozen=True)
class Swap:
    """The champion `version` took over here from `before`; None: there was none, or is none any more.

    `by`, `reason`: of its promotion, as the registry tells them.
    """

    at: datetime
    before: int | None
    version: int | None
    name: str
    by: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Told:
    """Of one problem. Times as numbers are UTC microseconds.

    `answered`: when MLflow was last asked and said what holds; None: never. `failing`: why it does not now.
    `withheld`: since when the registry names a champion that is refused. `refused`, `swaps`: the newest 50,
    the oldest first; `refusals`, `swapped`: how many there were since the start.
    """

    problem: str
    answered: int | None = None
    failing: str | None = None
    withheld: int | None = None
    refused: tuple[Refusal, ...] = ()
    refusals: int = 0
    swaps: tuple[Swap, ...] = ()
    swapped: int = 0

    def age_micros(self, now: int) -> int | None:
        """How long ago MLflow said what holds; None: never."""
        return None if self.answered is None else max(0, now - self.answered)
