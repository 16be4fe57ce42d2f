"""Who takes part in a contest."""

from dataclasses import dataclass

from training.examples import Floats


@dataclass(frozen=True)
class Contestant:
    """A model with its probabilities for the block's rows, as it would serve them.

    `row_micros`: microseconds it takes for one row. `artefact_mib`: size of what is served.
    """

    name: str
    probabilities: Floats
    row_micros: float
    artefact_mib: float


@dataclass(frozen=True)
class Failed:
    """A challenger that could not be trained or could not score the block, and why."""

    name: str
    reason: str
