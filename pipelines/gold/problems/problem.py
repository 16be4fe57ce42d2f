"""A problem: what is decided, by which features, and by which outcome the decision is judged."""

from dataclasses import dataclass

from pipelines.errors import SettingsError
from pipelines.gold.features.values import Where
from pipelines.gold.problems.action import NOTHING, Action, require_distinct


@dataclass(frozen=True)
class Worth:
    """What acting on a decision brings, in minor units of the shop's currency.

    Acting costs `cost_minor` each time and brings `benefit_minor` where the outcome comes. With true
    probabilities it pays above cost / benefit: C. Elkan, The foundations of cost-sensitive learning (2001).
    """

    benefit_minor: int
    cost_minor: int

    def __post_init__(self) -> None:
        if not 0 < self.cost_minor < self.benefit_minor:
            raise SettingsError("problems: acting must cost more than nothing and less than it brings.")

    @property
    def threshold(self) -> float:
        """The probability above which it pays to act."""
        return self.cost_minor / self.benefit_minor


@dataclass(frozen=True)
class Gates:
    """What a model must keep to, however well it ranks."""

    least_rows: int = 500
    least_positives: int = 30
    calibration_error: float = 0.05
    row_micros: float = 500
    artefact_mib: float = 20


@dataclass(frozen=True)
class Problem:
    """One kind of decision. `decision` and `outcome` are kinds of feature events.

    The outcome of a decision is an event that `outcome` lets through, with the same `keys`, after the
    decision and at most `horizon_seconds` later. `sets` are what a model may look at, less `left_out`
    (`<set>__<feature>`). `slices`: columns of the decision's event by which a model is judged, too.
    `actions`: what can be done beside nothing; what the outcome brings is `worth.benefit_minor`. Models are
    judged by `worth`, one act for all, and not by the actions.
    """

    name: str
    version: int
    meaning: str
    decision: Where
    outcome: Where
    keys: tuple[str, ...]
    horizon_seconds: int
    sets: tuple[str, ...]
    worth: Worth
    left_out: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    gates: Gates = Gates()
    actions: tuple[Action, ...] = ()

    def __post_init__(self) -> None:
        require_distinct(self.actions)

    def action(self, name: str) -> Action | None:
        """The action of that name, `nothing` too; None where it has none."""
        return next((one for one in (NOTHING, *self.actions) if one.name == name), None)
