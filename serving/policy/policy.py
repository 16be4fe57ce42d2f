"""One problem's policy: from a probability to an action, the same for the same question."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict

import msgspec

from pipelines.errors import SettingsError
from pipelines.gold.problems.action import NOTHING, Action, best
from pipelines.gold.problems.problem import Problem
from pipelines.settings.scorer import Scorer
from serving.policy.choice import Choice
from serving.policy.draws import Draw
from serving.policy.spending import Spent

_HASH_CHARACTERS = 12


class Policy:
    """Takes the action worth most, but for a holdout, a share of trials, and what budgets leave.

    Holdout: for `holdout_share` of visitors, drawn by problem and visitor, nothing is done, ever; what would
    have been is `wanted_action`. Trials: in `explore_share` of the other decisions, drawn by the decision's
    id, one of the eligible actions (`nothing` among them) is taken, each as likely as the other.

    `propensity` is the probability of what happened, over both draws: h where the visitor is held out,
    (1 - h) (e / k + (1 - e) [it is the best of the k eligible]) where not. Held out and each action are the
    arms of one trial, whose probabilities add up to 1; so each arm's mean is that of its rows weighted by
    1 / propensity (D. Horvitz, D. Thompson, 1952), also over days of different shares. A 1 for those held out
    would make them count h times too little beside the others; and `nothing` that was chosen is another arm
    than `nothing` for a visitor held out. Where no model decides and the default is `nothing`, nothing is
    drawn: propensity 1, no holdout.
    """

    def __init__(self, problem: Problem, settings: Scorer) -> None:
        default = settings.default_actions.get(problem.name, NOTHING.name)
        self._default = _named(problem, default, key=f"scorer.default_actions.{problem.name}")
        self._budgets = settings.budgets.get(problem.name, {})
        for name in self._budgets:
            _named(problem, name, key=f"scorer.budgets.{problem.name}")
        self._benefit = problem.worth.benefit_minor
        self._actions = problem.actions
        self._without_account = tuple(one for one in problem.actions if not one.needs_account)
        self._held, self._tried = settings.holdout_share, settings.explore_share
        self._holdout = Draw("holdout", salt=settings.policy_salt, about=problem.name)
        self._trial = Draw("trial", salt=settings.policy_salt)
        self.hash = _hash(problem, settings, default)

    def spent(self) -> Spent:
        """The budgets of its actions, nothing of them used yet."""
        return Spent(self._budgets)

    def choose(
        self,
        question_id: str,
        visitor_id: str,
        probability: float | None,
        *,
        at: int,
        spent: Spent,
        has_account: bool = True,
    ) -> Choice:
        """What is to be done. `probability` of the outcome, None: no model decides. `at`: UTC microseconds.

        `has_account`: whether the shopper's account is known; without it, nothing that needs one is done.
        """
        if probability is None:
            return self._by_default(visitor_id, at=at, spent=spent, has_account=has_account)
        possible = eligible = self._actions if has_account else self._without_account
        wanted = chosen = best(possible, probability, benefit_minor=self._benefit)[0]
        if self._is_held_out(visitor_id):
            return self._choice(NOTHING, wanted, "holdout", self._held, probability)
        reason = "value"
        if spent:
            eligible = _eligible(possible, probability, at=at, spent=spent)
            if wanted.name in spent.limited and len(eligible) < len(possible):
                chosen = best(eligible, probability, benefit_minor=self._benefit)[0]
                reason = "value" if chosen is wanted else "budget"
        taken, tried, arms = chosen, self._tried, len(eligible) + 1
        if tried and (drawn := self._trial.of(question_id)) < tried:
            taken, reason = (*eligible, NOTHING)[min(int(drawn / tried * arms), arms - 1)], "explored"
        propensity = (1 - self._held) * (tried / arms + (1 - tried) * (taken is chosen))
        return self._choice(taken, wanted, reason, propensity, probability)

    def _by_default(self, visitor_id: str, *, at: int, spent: Spent, has_account: bool) -> Choice:
        """What is done while no model decides."""
        wanted = self._default if has_account or not self._default.needs_account else NOTHING
        if wanted is NOTHING:
            return self._choice(NOTHING, NOTHING, "default", 1.0, None)
        if self._is_held_out(visitor_id):
            return self._choice(NOTHING, wanted, "holdout", self._held, None)
        if spent.allows(wanted.name, cost_minor=wanted.cost(None), at=at):
            return self._choice(wanted, wanted, "default", 1 - self._held, None)
        return self._choice(NOTHING, wanted, "budget", 1 - self._held, None)

    def _is_held_out(self, visitor_id: str) -> bool:
        return self._held > 0 and self._holdout.of(visitor_id) < self._held

    def _choice(
        self, action: Action, wanted: Action, reason: str, propensity: float, probability: float | None
    ) -> Choice:
        brings = None if probability is None else action.value(probability, benefit_minor=self._benefit)
        return Choice(
            action.name,
            wanted.name,
            reason,
            propensity,
            brings,
            reason == "holdout",
            self.hash,
            action.products,
            action.after_seconds,
            action.cost(probability),
        )


def _eligible(possible: Sequence[Action], probability: float, *, at: int, spent: Spent) -> tuple[Action, ...]:
    return tuple(
        one
        for one in possible
        if one.name not in spent.limited or spent.allows(one.name, cost_minor=one.cost(probability), at=at)
    )


def _named(problem: Problem, name: str, *, key: str) -> Action:
    found = problem.action(name)
    if found is None:
        known = ", ".join([NOTHING.name, *(one.name for one in problem.actions)])
        raise SettingsError(f"`{key}`: {problem.name} has no action `{name}`; its actions are {known}.")
    return found


def _hash(problem: Problem, settings: Scorer, default: str) -> str:
    """Names what decides: the actions, what the outcome brings, and the settings."""
    deciding = {
        "problem": [problem.name, problem.version, problem.worth.benefit_minor],
        "actions": [asdict(one) for one in problem.actions],
        "default": default,
        "shares": [settings.holdout_share, settings.explore_share],
        "salt": hashlib.sha256(settings.policy_salt.encode()).hexdigest(),
        "budgets": msgspec.to_builtins(settings.budgets.get(problem.name, {})),
    }
    text = json.dumps(deciding, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_CHARACTERS]
