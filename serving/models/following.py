"""One problem's models followed: what the registry says, loaded, and handed to the loop where it is new."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from pipelines.connectors.onnx_model import OnnxModel
from pipelines.contracts.clock import moment
from pipelines.contracts.model_registry import CHALLENGER, CHAMPION, PREVIOUS
from pipelines.contracts.registered_model import RegisteredModel
from pipelines.errors import ModelError, ServiceError
from pipelines.gold.problems.problem import Problem
from serving.models.cache import ChampionCache, Kept
from serving.models.diary import Diary
from serving.models.live import LiveModel, Serving
from serving.models.loading import load, require_servable
from serving.models.source import Chosen, ModelSource, Outline, chosen

_LOOK_AGAIN_MICROS = 60_000_000
"""How often versions are read though their outline is the same: tags do not show in it."""
_MIB = 1 << 20

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Loaded:
    """A graph that runs, and the bytes that it was made of, for the cache."""

    model: OnnxModel
    graph: bytes
    features: bytes


class Following:
    """Follows one problem, in the watcher's thread. `publish` hands what is new to the loop.

    `shadows`: how many models score beside the champion. Moments are UTC microseconds.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        source: ModelSource,
        cache: ChampionCache,
        shadows: int,
        diary: Diary,
        publish: Callable[[Serving], object],
    ) -> None:
        self.problem = problem
        self.diary = diary
        self._source = source
        self._cache = cache
        self._shadows = shadows
        self._publish = publish
        self._serving = Serving(problem.name)
        self._loaded: dict[tuple[str, str], _Loaded] = {}
        self._kept: RegisteredModel | None = None
        self._seen: Outline | None = None
        self._look_again = 0
        self._is_pending = False

    def start(self, *, at: int) -> Serving:
        """The champion of the run before, if the cache has one that can still decide."""
        try:
            found = self._cache.kept(self.problem.name)
            if found is not None:
                kept, confirmed = found
                champion = self._live(kept.model, files=(kept.graph, kept.features))
                self._serving = Serving(self.problem.name, champion, since=moment(at))
                self._kept = kept.model
                self.diary.answered(confirmed)
        except ModelError as error:
            self.diary.refused(None, str(error), at=at)
        return self._serving

    def follow(self, outline: Outline | None, *, at: int) -> None:
        """Do as the registry says, which was asked `at`; None: nothing of the problem is registered.

        Raises `ServiceError` when it does not say more: everything stays, and the next round tries again.
        """
        if outline is None:
            self._keep_without_registry(at)
        elif outline != self._seen or at >= self._look_again:
            self._follow(outline, at)
        self.diary.answered(at)

    def _keep_without_registry(self, at: int) -> None:
        """A registry that forgot the problem is an empty or a wrong one: no reason to stop deciding."""
        self._seen = None
        if self._serving.champion is not None:
            name, version = self.problem.name, self._serving.champion.version
            why = f"MLflow has no models of {name}: v{version}, its last champion, goes on deciding."
            self.diary.refused(None, why, at=at)
            self.diary.withheld(at)

    def _follow(self, outline: Outline, at: int) -> None:
        # What is new is looked at twice: the story of a promotion is written after its alias.
        settled, self._seen, self._is_pending = outline == self._seen, None, False
        models = self._source.versions(self.problem.name, outline)
        try:
            wanted = chosen(self.problem.name, models, outline, shadows=self._shadows)
        except ModelError as error:
            self.diary.refused(outline.aliases.get(CHAMPION), str(error), at=at)
            self.diary.withheld(at)
        else:
            self._serve(wanted, outline, at=at)
            if settled:
                self._tell_promotion(wanted.champion)
        if not self._is_pending:
            self._seen, self._look_again = outline, at + _LOOK_AGAIN_MICROS if settled else at

    def _serve(self, wanted: Chosen, outline: Outline, *, at: int) -> None:
        """The champion first, which waits for no shadow; then all that is wanted, and nothing else."""
        champion = self._champion(wanted.champion, at)
        there = [one for one in wanted.shadows if _key(one) in self._loaded]
        self._hand_over(outline, champion, there, at=at)
        self._remember(wanted.champion, at)
        self._hand_over(outline, champion, wanted.shadows, at=at)
        self._let_go()

    def _tell_promotion(self, wanted: RegisteredModel | None) -> None:
        """Who made the champion champion, if it is the one that serves."""
        champion = self._serving.champion
        if wanted is not None and champion is not None and champion.version == wanted.version:
            self.diary.promoted(champion.version, wanted.promotion)

    def _champion(self, wanted: RegisteredModel | None, at: int) -> LiveModel | None:
        """The wanted one; the present one where that is refused."""
        champion = None if wanted is None else self._ready(wanted, at)
        is_refused = wanted is not None and champion is None
        self.diary.withheld(at if is_refused else None)
        return self._serving.champion if is_refused else champion

    def _ready(self, model: RegisteredModel, at: int) -> LiveModel | None:
        """It, loaded; None where it cannot be, which is noted."""
        try:
            return self._live(model)
        except (ModelError, ServiceError) as error:
            self._is_pending |= isinstance(error, ServiceError)
            self.diary.refused(model.version, str(error), at=at)
            return None

    def _live(self, model: RegisteredModel, files: tuple[bytes, bytes] | None = None) -> LiveModel:
        require_servable(self.problem, model)
        loaded = self._loaded.get(_key(model))
        if loaded is None:
            limit = int(self.problem.gates.artefact_mib * _MIB)
            graph, features = files or self._source.files(model, limit_bytes=limit)
            loaded = _Loaded(load(self.problem, model, graph=graph, features=features), graph, features)
            self._loaded[_key(model)] = loaded
        return LiveModel.of(model, loaded.model)

    def _hand_over(
        self, outline: Outline, champion: LiveModel | None, shadows: Iterable[RegisteredModel], *, at: int
    ) -> None:
        """Publish champion and shadows where they are others than those that serve."""
        before = self._serving.champion
        beside = [one for one in shadows if champion is None or one.version != champion.version]
        is_same = _identity(before) == _identity(champion)
        serving = Serving(
            self.problem.name,
            champion,
            tuple(live for one in beside if (live := self._ready(one, at)) is not None),
            previous=outline.aliases.get(PREVIOUS),
            challenger=outline.aliases.get(CHALLENGER),
            since=self._serving.since if is_same else moment(at),
        )
        if serving != self._serving:
            self._serving = serving
            self._publish(serving)
        if not is_same:
            self.diary.swapped(before, champion, at=at)

    def _let_go(self) -> None:
        """Forget what does not score any more: decisions that are under way still hold theirs."""
        serving = self._serving
        scoring = {id(one.model) for one in (serving.champion, *serving.shadows) if one is not None}
        self._loaded = {key: one for key, one in self._loaded.items() if id(one.model) in scoring}

    def _remember(self, wanted: RegisteredModel | None, at: int) -> None:
        """Have on disk the champion that the registry names, unless it was refused."""
        champion, name = self._serving.champion, self.problem.name
        try:
            if wanted is None:
                self._cache.forget(name)
            elif champion is not None and champion.version == wanted.version:
                if wanted != self._kept:
                    loaded = self._loaded[_key(wanted)]
                    self._cache.keep(Kept(wanted, loaded.graph, loaded.features))
                self._cache.confirm(name, at=at)
            else:
                return
            self._kept = wanted
        except OSError as error:
            _log.warning("champion not kept on disk", problem=name, why=str(error))


def _key(model: RegisteredModel) -> tuple[str, str]:
    return model.sha256, model.features_sha256


def _identity(model: LiveModel | None) -> tuple[int, str] | None:
    return None if model is None else (model.version, model.sha256)
