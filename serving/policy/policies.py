"""The policies of all problems, with what was spent of their budgets."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pipelines.errors import SettingsError
from pipelines.gold.problems.problem import Problem
from pipelines.settings.scorer import Scorer
from serving.policy.choice import Choice
from serving.policy.policy import Policy
from serving.policy.spending import Spending, Used


class Acted(NamedTuple):
    """A decision of the day, as the log has it; `at`: UTC microseconds."""

    decision_id: str
    problem: str
    action: str
    probability: float | None
    at: int


class Policies:
    """Chooses for every problem, and counts what that spends. Belongs to the loop's thread.

    Raises `SettingsError` where the settings name a problem or an action that there is not.
    """

    def __init__(self, problems: Mapping[str, Problem], settings: Scorer) -> None:
        for key, named in (("budgets", settings.budgets), ("default_actions", settings.default_actions)):
            if strange := sorted(set(named) - set(problems)):
                raise SettingsError(
                    f"`scorer.{key}`: there is no problem `{strange[0]}`; "
                    f"the problems are {', '.join(sorted(problems))}."
                )
        self._problems = dict(problems)
        self._policies = {name: Policy(one, settings) for name, one in problems.items()}
        self._spent = {name: one.spent() for name, one in self._policies.items()}

    def of(self, problem: str) -> Policy:
        """The policy of a problem. Raises `KeyError` for what is no problem."""
        return self._policies[problem]

    def choose(
        self,
        problem: str,
        *,
        decision_id: str,
        visitor_id: str,
        probability: float | None,
        at: int,
        has_account: bool = True,
    ) -> Choice:
        """What is to be done; it is counted against the budgets. See `Policy.choose`."""
        spent = self._spent[problem]
        choice = self._policies[problem].choose(
            decision_id, visitor_id, probability, at=at, spent=spent, has_account=has_account
        )
        if spent:
            spent.note(Spending(decision_id, choice.action, choice.cost_minor, at))
        return choice

    @property
    def have_budgets(self) -> bool:
        """Whether any action of any problem has one."""
        return any(self._spent.values())

    def used(self, problem: str, action: str, at: int) -> Used:
        """What an action with a budget has taken on that day, here."""
        return self._spent[problem].used(action, at)

    def own(self, share: float) -> None:
        """The share of all budgets that this replica may spend, 0 to 1: its partitions of all."""
        for one in self._spent.values():
            one.own(share)

    def restore(self, rows: Iterable[Acted], *, since: int) -> None:
        """Count these in place of what was noted before `since`: see `Spent.restore`.

        Problems and actions that there are no more are left out.
        """
        found: dict[str, list[Spending]] = {name: [] for name in self._problems}
        for row in rows:
            problem = self._problems.get(row.problem)
            action = None if problem is None else problem.action(row.action)
            if action is not None:
                cost = action.cost(row.probability)
                found[row.problem].append(Spending(row.decision_id, row.action, cost, row.at))
        for name, spending in found.items():
            self._spent[name].restore(spending, since=since)
