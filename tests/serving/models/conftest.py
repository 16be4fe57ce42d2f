"""A watcher whose looks a test decides, on a registry in memory."""

from pathlib import Path

import pytest

from serving.models.cache import ChampionCache
from serving.models.live import LiveModels
from serving.models.watcher import ModelWatcher
from tests.serving.models.graphs import PROBLEM
from tests.serving.models.registries import MemoryRegistry, MlflowRegistry

MINUTE = 60_000_000


class Watched:
    """Live models of one problem and their watcher, in one thread. `now`: the clock, UTC microseconds."""

    def __init__(self, registry, folder: Path, *, shadows: int = 3, deliver=lambda run: run()) -> None:
        self.registry = registry
        self.now = 1_700_000_000_000_000
        self.live = LiveModels([PROBLEM.name], stale_after_micros=5_000_000)
        self.watcher = ModelWatcher(
            registry.source,
            self.live,
            problems={PROBLEM.name: PROBLEM},
            cache=ChampionCache(folder),
            deliver=deliver,
            poll_seconds=0.01,
            shadows=shadows,
            now=lambda: self.now,
        )

    def look(self, times: int = 1) -> None:
        for _ in range(times):
            self.now += 2_000_000
            self.watcher.look()

    @property
    def serving(self):
        return self.live.of(PROBLEM.name)

    @property
    def told(self):
        return self.live.told(PROBLEM.name)

    @property
    def stale(self):
        return self.live.stale(PROBLEM.name, now=self.now)

    @property
    def champion(self) -> int | None:
        return None if self.serving.champion is None else self.serving.champion.version

    @property
    def shadows(self) -> list[int]:
        return [one.version for one in self.serving.shadows]


@pytest.fixture
def mlflow_registry(request, tmp_path) -> MlflowRegistry:
    """The real one, among whatever other tests left there."""
    stack, names = request.getfixturevalue("stack"), request.getfixturevalue("stack_names")
    artefacts = names.services / "mlflow" / "artifacts"
    return MlflowRegistry(stack.mlflow, lock=tmp_path / "registry.lock", artefacts=artefacts)


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry()


@pytest.fixture
def watched(registry, tmp_path) -> Watched:
    return Watched(registry, tmp_path / "models")
