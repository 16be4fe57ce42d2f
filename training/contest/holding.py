"""One contest from block to promotion: fit, judge, write down, promote."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pipelines.contracts.registered_model import RegisteredModel
from pipelines.errors import ModelError
from pipelines.gold.problems.problem import Problem
from training.contest.blocks import Block
from training.contest.contestants import Contestant, Failed
from training.contest.field import Absent, Entry, fitted, registered
from training.contest.judge import judge
from training.contest.rows import Judged, contest_rows
from training.contest.ruling import Ruling
from training.contest.written import written
from training.estimators import all_estimators
from training.evaluation.evaluate import evaluate
from training.examples import Examples
from training.fitting import Progress
from training.leaks import leaks
from training.tracking.registry import Registry
from training.tracking.runs import record_contest
from training.tracking.server import Server

_INTERVAL_ROUNDS = 500
_MIB = 2**20


@dataclass(frozen=True)
class Rules:
    """How a contest is held: as the settings' section `models` says."""

    level: float
    budget: int
    rounds: int
    keep_versions: int
    seed: int


@dataclass(frozen=True)
class Held:
    """A contest that is over. `rows`: of `gold.contests`. `versions`: the registry's, by contestant."""

    contest_id: str
    ruling: Ruling
    versions: Mapping[str, int]
    rows: Sequence[Mapping[str, Any]]


class Contests:
    """Holds contests of one problem. Raises `ServiceError` where MLflow is away: the champion stays."""

    def __init__(
        self, problem: Problem, *, server: Server, registry: Registry, rules: Rules, progress: Progress
    ) -> None:
        self._problem = problem
        self._server = server
        self._registry = registry
        self._rules = rules
        self._progress = progress

    def hold(self, block: Block, *, examples_version: int, reason: str) -> Held:
        """Hold the contest of this block. Raises `ModelError` when the champion changed meanwhile."""
        problem = self._problem
        champion = self._registry.champion(problem.name)
        came, absent = _parted(self._field(block.split.train, champion))
        judged, unable = self._judged(came, block.split.validation)
        ruling = self._ruling(block.split.validation, judged, [*absent, *unable], champion)
        record = written(problem, block, ruling, judged, examples_version=examples_version, reason=reason)
        recorded = record_contest(self._server, record)
        self._settle(champion, ruling, recorded.versions)
        rows = contest_rows(
            problem,
            block,
            ruling,
            judged,
            recorded,
            examples_version=examples_version,
            reason=reason,
            held_at=datetime.now(UTC),
        )
        return Held(recorded.run_id, ruling, recorded.versions, rows)

    def _field(self, train: Examples, champion: RegisteredModel | None) -> Iterator[Entry | Absent]:
        """The champion, those prepared elsewhere, and who is fitted on the block."""
        standing = ([champion] if champion else []) + self._registry.entrants(self._problem.name)
        for one in standing:
            yield registered(one, self._registry.load)
        found = leaks(train)
        if found:
            yield from (Absent(name, str(found[0])) for name in all_estimators())
            return
        yield from fitted(
            train,
            all_estimators(),
            problem=self._problem,
            budget=self._rules.budget,
            seed=self._rules.seed,
            progress=self._progress,
        )

    def _judged(self, came: Sequence[Entry], block: Examples) -> tuple[dict[str, Judged], list[Absent]]:
        """What each says of the block, and how good that is; and who can say nothing of it."""
        judged, unable = {}, []
        for number, entry in enumerate(came):
            self._progress(number, len(came), f"{entry.name}: judging")
            try:
                probabilities = entry.probabilities(block)
                evaluation = evaluate(
                    block,
                    probabilities,
                    threshold=entry.threshold,
                    seed=self._rules.seed,
                    rounds=_INTERVAL_ROUNDS,
                )
            except ModelError as error:
                unable.append(Absent(entry.name, str(error)))
                continue
            judged[entry.name] = Judged(entry, probabilities, evaluation, entry.row_micros(block))
        return judged, unable

    def _ruling(
        self,
        block: Examples,
        judged: Mapping[str, Judged],
        absent: Sequence[Absent],
        champion: RegisteredModel | None,
    ) -> Ruling:
        contestants = {name: _contestant(one) for name, one in judged.items()}
        reigning = next(
            (name for name, one in judged.items() if champion and one.entry.version == champion.version), None
        )
        others = [one for name, one in contestants.items() if name != reigning]
        return judge(
            block,
            contestants[reigning] if reigning else None,
            [*others, *(Failed(one.name, one.reason) for one in absent)],
            gates=self._problem.gates,
            level=self._rules.level,
            rounds=self._rules.rounds,
            seed=self._rules.seed,
        )

    def _settle(self, champion: RegisteredModel | None, ruling: Ruling, versions: Mapping[str, int]) -> None:
        """Promote the winner, name the best of the others, and retire what is old."""
        if ruling.winner is not None:
            self._registry.promote(
                self._problem,
                versions[ruling.winner],
                by="contest",
                reason=ruling.reason,
                expected=champion.version if champion else None,
            )
        ranked = sorted(
            (line for line in ruling.lines if line.average_precision and line.name in versions),
            key=lambda line: -line.average_precision.value,  # type: ignore[union-attr]
        )
        self._registry.rank(
            self._problem.name, [versions[line.name] for line in ranked if not line.is_champion]
        )
        self._registry.keep_newest(self._problem.name, count=self._rules.keep_versions)


def _parted(field: Iterator[Entry | Absent]) -> tuple[list[Entry], list[Absent]]:
    came: list[Entry] = []
    absent: list[Absent] = []
    for one in field:
        if isinstance(one, Entry):
            came.append(one)
        else:
            absent.append(one)
    return came, absent


def _contestant(one: Judged) -> Contestant:
    return Contestant(one.entry.name, one.probabilities, one.row_micros, len(one.entry.file.onnx) / _MIB)
