"""Whether a champion is still what it was when it won: features, probabilities, score and age."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipelines.contracts.clock import micros
from pipelines.contracts.registered_model import RegisteredModel
from pipelines.gold.problems.problem import Problem
from pipelines.runtime.contests import judged_between
from pipelines.runtime.model_alerts import ModelAlert, note_alerts
from training.contest.field import Absent, Entry, registered
from training.dataset import read_dataset
from training.evaluation.drift import Alert, alerts, calibration, psi, psi_of_chance
from training.evaluation.evaluate import scored_rows
from training.evaluation.intervals import Interval, intervals
from training.evaluation.metrics import METRICS
from training.examples import Examples
from training.retraining import Site
from training.tracking.registry import Registry
from training.tracking.server import Server
from training.watching_live import live_alerts

_ROUNDS = 500
_CHANCE = 0.001
_SCORE = "average_precision"


@dataclass(frozen=True)
class Watched:
    """What was found about a problem's champion. `rows`: decisions that came after it was judged."""

    version: int
    rows: int
    alerts: Sequence[ModelAlert]
    cleared: int


def watch(problem: Problem, site: Site, *, now: datetime) -> Watched | None:
    """Look at the champion's decisions since its last contest, and note what stands; None without champion.

    Of fewer decisions than a contest needs only the age is looked at. Raises `ServiceError`, `LakeError`.
    """
    registry = Registry(Server(site.mlflow), lock=site.names.registry_lock)
    champion = registry.champion(problem.name)
    if champion is None:
        return None
    entry = registered(champion, registry.load)
    if isinstance(entry, Absent):
        found, rows = [ModelAlert("artefact", "champion", 1, 0, entry.reason)], 0
    else:
        found, rows = _looked_at(problem, site, champion, entry, now)
        found += live_alerts(problem, site.names, champion, seed=site.seed)
    cleared = note_alerts(site.postgres, problem.name, found, version=champion.version, at=now)
    return Watched(champion.version, rows, found, cleared)


def _looked_at(
    problem: Problem, site: Site, champion: RegisteredModel, entry: Entry, now: datetime
) -> tuple[list[ModelAlert], int]:
    """What has passed its limit, and of how many decisions that is said."""
    judged = judged_between(site.names, problem.name, champion.version)
    age = (now - (judged[1] if judged else champion.created_at)).total_seconds()
    reference, current = _parts(problem, site, judged) if judged else (None, None)
    if reference is None or current is None or len(current) < problem.gates.least_rows:
        return _named(alerts(features={}, scores={}, age_seconds=age)), len(current) if current else 0
    found = alerts(
        features=psi(reference, current),
        features_limit=psi_of_chance(reference, current, chance=_CHANCE),
        calibrated=calibration(current, entry.probabilities(current)),
        scores=_scores(champion, entry, current, seed=site.seed),
        age_seconds=age,
    )
    return _named(found), len(current)


def _parts(
    problem: Problem, site: Site, judged: tuple[datetime, datetime]
) -> tuple[Examples | None, Examples | None]:
    """The block that judged the champion, and what has come since."""
    since, until = (micros(one) for one in judged)
    examples = read_dataset(site.names, problem, since=since).examples
    return examples.take(examples.decided_at <= until), examples.take(examples.decided_at > until)


def _scores(
    champion: RegisteredModel, entry: Entry, current: Examples, *, seed: int
) -> dict[str, tuple[Interval, Interval]]:
    """Average precision when it was judged, and now; nothing where one has none."""
    then = champion.average_precision
    if then is None or None in then.values() or not current.labels.any():
        return {}
    scored = scored_rows(current, entry.probabilities(current), threshold=entry.threshold)
    now = intervals(scored, rounds=_ROUNDS, seed=seed, metrics=[METRICS[_SCORE]])[_SCORE]
    return {_SCORE: (Interval(**then), now)}  # type: ignore[arg-type]


def _named(found: Sequence[Alert]) -> list[ModelAlert]:
    return [ModelAlert(one.kind, one.subject, one.value, one.limit, one.message) for one in found]
