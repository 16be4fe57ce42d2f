"""What actions have taken of their budgets of the day. In memory; rebuilt from the day's decisions."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pipelines.settings.scorer import Budget

_DAY_MICROS = 86_400_000_000
_ROUNDING = 1e-9


class Used(NamedTuple):
    """How often an action was taken on a day, and what that is expected to cost, in minor units."""

    times: int
    minor: float


class Spending(NamedTuple):
    """A decision for an action: its expected cost in minor units, and when, UTC microseconds."""

    decision_id: str
    action: str
    cost_minor: float
    at: int


class _Day:
    """What one action took on one day, decision by decision, so that none counts twice."""

    def __init__(self) -> None:
        self.spendings: dict[str, Spending] = {}
        self.minor = 0.0

    def note(self, spending: Spending) -> None:
        if spending.decision_id not in self.spendings:
            self.spendings[spending.decision_id] = spending
            self.minor += spending.cost_minor


class Spent:
    """The budgets of one problem's actions. `at` is UTC microseconds; a day is one of UTC.

    `limited`: the actions that have one. A replica has its share of each, rounded down: its partitions of
    all, see `own`. What is spent is what actions were expected to cost: what they did cost is not known
    before the outcome.
    """

    def __init__(self, budgets: Mapping[str, Budget]) -> None:
        self._budgets = dict(budgets)
        self.limited = frozenset(budgets)
        self._share = 1.0
        self._days: dict[int, dict[str, _Day]] = {}

    def __bool__(self) -> bool:
        """Whether any action has a budget."""
        return bool(self._budgets)

    def own(self, share: float) -> None:
        """From now on this replica may spend this share, 0 to 1, of every budget."""
        self._share = share

    def allows(self, action: str, *, cost_minor: float, at: int) -> bool:
        """Whether it may be taken once more on that day."""
        budget = self._budgets.get(action)
        if budget is None:
            return True
        used, share = self.used(action, at), self._share + _ROUNDING
        if budget.times is not None and used.times + 1 > budget.times * share:
            return False
        return budget.minor is None or used.minor + cost_minor <= budget.minor * share

    def used(self, action: str, at: int) -> Used:
        """What it has taken on that day."""
        found = self._days.get(at // _DAY_MICROS, {}).get(action)
        return Used(0, 0.0) if found is None else Used(len(found.spendings), found.minor)

    def note(self, spending: Spending) -> None:
        """Count it, once by its decision. Days before the newest two are forgotten."""
        if spending.action not in self._budgets:
            return
        day = spending.at // _DAY_MICROS
        newest = max([day, *self._days])
        if day < newest - 1:
            return
        if day not in self._days:
            self._days = {one: used for one, used in self._days.items() if one >= newest - 1} | {day: {}}
        self._days[day].setdefault(spending.action, _Day()).note(spending)

    def restore(self, rows: Iterable[Spending], *, since: int) -> None:
        """Count these: the day's decisions about visitors of this replica's partitions, as they are logged.

        What was noted here before `since` is forgotten; what came later may not be logged yet, and stays.
        """
        kept = [
            one
            for actions in self._days.values()
            for day in actions.values()
            for one in day.spendings.values()
            if one.at >= since
        ]
        self._days = {}
        for one in (*rows, *kept):
            self.note(one)
