"""What became of decisions that no event in Kafka asked for: found by the problem's keys."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.gold.labels.moments import OUTCOME, Moments, keys_of
from pipelines.gold.problems.problem import Problem

MICROS = 1_000_000
Place = tuple[str, int, int]


class Outcome(NamedTuple):
    """What became of a decision; `outcome_at` in UTC microseconds, None where nothing came."""

    label: int
    outcome_at: int | None


def outcomes_by_keys(
    decisions: pa.Table, events: pa.Table, problems: Iterable[Problem], *, passed: int
) -> dict[Place, Outcome]:
    """Place of a decision's record → what became of it, of those whose horizon lies before `passed`.

    The first outcome after the decision, strictly, and at most the horizon later counts. `decisions`:
    topic, partition, offset, problem, problem_version, occurred_at (UTC microseconds), the problems' keys;
    one that lacks a key of its problem has no outcome that anybody could know. `events`: feature events.
    """
    found: dict[Place, Outcome] = {}
    for one in problems:
        until = passed - one.horizon_seconds * MICROS
        mine = decisions.filter(
            (pc.field("problem") == one.name)
            & (pc.field("problem_version") == one.version)
            & (pc.field("occurred_at") < until)
        )
        for name in one.keys:
            mine = mine.filter(pc.is_valid(mine[name]))
        if mine.num_rows:
            found |= _of_problem(mine, _moments(events, one), one)
    return found


def _moments(events: pa.Table, problem: Problem) -> dict[str, list[int]]:
    """Key → when outcomes came, in order."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for batch in Moments([problem])(events.to_batches()):
        outcomes = batch.filter(pc.and_(pc.equal(batch["side"], OUTCOME), pc.is_valid(batch["problem"])))
        times = outcomes["happened_at"].cast(pa.int64()).to_pylist()
        for key, at in zip(outcomes["key"].to_pylist(), times, strict=True):
            found[key].append(at)
    return {key: sorted(times) for key, times in found.items()}


def _of_problem(
    decisions: pa.Table, moments: Mapping[str, list[int]], problem: Problem
) -> dict[Place, Outcome]:
    found: dict[Place, Outcome] = {}
    columns = (decisions[name].to_pylist() for name in ("topic", "partition", "offset", "occurred_at"))
    for key, topic, partition, offset, at in zip(keys_of(decisions, problem), *columns, strict=True):
        times = moments.get(key, [])
        place = bisect_right(times, at)
        came = place < len(times) and times[place] - at <= problem.horizon_seconds * MICROS
        found[topic, partition, offset] = Outcome(int(came), times[place] if came else None)
    return found
