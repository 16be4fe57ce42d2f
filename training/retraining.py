"""Contests of a problem as long as there are blocks of decisions for them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipelines.connectors.names import Names
from pipelines.connectors.postgres import PostgresAddress
from pipelines.contracts.contests import Mark
from pipelines.gold.problems.problem import Problem
from pipelines.runtime.contests import last_judged, note_contest
from pipelines.runtime.embedded import mlflow_endpoint, postgres_endpoint
from pipelines.runtime.labels.reading import has_examples
from pipelines.settings import Settings
from pipelines.settings.models import Models
from training.contest.blocks import Cut, decisions_after, missing_decisions, next_block
from training.contest.holding import Contests, Held, Rules
from training.dataset import read_dataset
from training.examples import Examples
from training.fitting import Progress
from training.tracking.registry import Registry
from training.tracking.server import Server


@dataclass(frozen=True)
class Site:
    """Where contests find what they need, and how they are held."""

    names: Names
    postgres: PostgresAddress
    mlflow: str
    models: Models
    seed: int


def site_of(settings: Settings, *, seed: int) -> Site:
    """As the settings say. Raises `ServiceError` when Postgres or MLflow does not run."""
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    postgres = postgres_endpoint(settings, names=names).address()
    return Site(names, postgres, mlflow_endpoint(settings, names=names), settings.models, seed)


@dataclass(frozen=True)
class Waits:
    """No contest: so many decisions are missing of the next block; `there`: how many have an example."""

    missing: int
    there: int


def retrain(
    problem: Problem, site: Site, *, most: int, reason: str, progress: Progress
) -> Iterator[Held | Waits]:
    """Hold the contests that are due, `most` of them at the most; `reason`: `block`, `alert` or `asked`.

    A contest is due with each whole block; for another reason than `block` also with what has come since
    the last one. What it read is noted last, so that one that was broken off is held again. Raises
    `ServiceError` where MLflow or Postgres is away.
    """
    server = Server(site.mlflow)
    registry = Registry(server, lock=site.names.registry_lock)
    registry.champion(problem.name)
    if not has_examples(site.names):
        yield Waits(2 * site.models.block_decisions, there=0)
        return
    dataset = read_dataset(site.names, problem)
    for _ in range(most):
        since = last_judged(site.names, problem.name)
        cut = _cut(dataset.examples, problem, site.models, since, at_once=reason != "block")
        block = next_block(dataset.examples, cut)
        if block is None:
            yield Waits(missing_decisions(dataset.examples, cut), there=len(dataset.examples))
            return
        contests = Contests(problem, server=server, registry=registry, rules=_rules(site), progress=progress)
        held = contests.hold(block, examples_version=dataset.version, reason=reason)
        note_contest(site.names, site.postgres, held.rows)
        yield held


def _cut(examples: Examples, problem: Problem, rules: Models, since: Mark | None, *, at_once: bool) -> Cut:
    """The next whole block; `at_once`: what there is of it, but no less than can be judged by."""
    size = rules.block_decisions
    if at_once:
        there = decisions_after(examples, since) // (1 if since else 2)
        size = max(min(size, there), problem.gates.least_rows)
    return Cut(size, since, rules.learn_blocks * rules.block_decisions, problem.horizon_seconds)


def _rules(site: Site) -> Rules:
    chosen = site.models
    return Rules(
        level=chosen.level,
        budget=chosen.budget_trials,
        rounds=chosen.bootstrap_rounds,
        keep_versions=chosen.keep_versions,
        seed=site.seed,
    )


def summary(problem: Problem, held: Held) -> dict[str, Any]:
    """A contest in one line of JSON."""
    ruling = held.ruling
    return {
        "problem": problem.name,
        "contest": held.contest_id,
        "winner": ruling.winner,
        "reason": ruling.reason,
        "block": dict(ruling.block),
        "average_precision": {
            line.name: round(line.average_precision.value, 4)
            for line in ruling.lines
            if line.average_precision
        },
        "not_judged": {line.name: line.reason for line in ruling.lines if not line.average_precision},
    }
