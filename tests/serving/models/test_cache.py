"""What a scorer serves that starts while MLflow is away."""

from dataclasses import replace

import msgspec
import pytest

from pipelines.contracts.model_registry import CHAMPION, MODEL_FILE
from serving.models.cache import ChampionCache
from serving.scoring.known import Stale
from tests.serving.models.conftest import Watched
from tests.serving.models.graphs import KNOWN, PROBLEM, telling
from tests.serving.models.registries import MemoryRegistry


@pytest.fixture
def folder(registry, watched, tmp_path):
    """The cache of a scorer that served version 2; its registry is away by now."""
    for version in (1, 2):
        registry.register(f"model {version}", telling(version))
        registry.promote(version)
        watched.look(2)
    registry.away = True
    return tmp_path / "models"


@pytest.fixture
def restarted(registry, watched, folder, monkeypatch):
    """Starts a scorer anew, some seconds later. Its thread looks only when the test says so."""

    def start() -> Watched:
        again = Watched(registry, folder)
        again.now = watched.now + 60_000_000
        monkeypatch.setattr(again.watcher._thread, "start", lambda: None)
        again.watcher.start()
        return again

    return start


def test_the_last_good_champion_serves_at_once_and_says_how_old_it_is(restarted):
    again = restarted()
    assert (again.champion, again.serving.champion.probability(KNOWN)) == (2, 2 / 64)
    assert again.stale == (Stale("mlflow", 60_000),)
    again.look()
    assert again.champion == 2
    assert again.told.failing == "MLflow in memory could not answer: it does not answer."
    assert again.stale == (Stale("mlflow", 62_000),)


def test_it_goes_on_when_mlflow_comes_back(restarted, registry):
    again = restarted()
    registry.away = False
    asked = registry.asked
    again.look()
    assert (again.champion, again.shadows, again.stale, again.told.failing) == (2, [1], (), None)
    assert again.told.swaps == ()
    assert registry.asked == asked + 1  # the shadow alone


def test_without_cache_and_without_mlflow_there_is_no_champion(registry, tmp_path):
    registry.away = True
    watched = Watched(registry, tmp_path / "none")
    watched.look()
    assert watched.champion is None
    assert watched.stale == (Stale("mlflow", None),)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda content: content[:-20], "no champion can be read from it"),
        (lambda content: b"", "no champion can be read from it"),
        (lambda content: b"\x80\x04 a pickle", "no champion can be read from it"),
        (lambda content: content.replace(b"ConstantOfShape", b"ConstantOfSharp"), "not the one that was reg"),
        (lambda content: content.replace(PROBLEM.name.encode(), b"session_purchasf"), "holds no champion of"),
    ],
)
def test_a_broken_file_is_not_served(restarted, folder, spoil, why):
    (path,) = folder.iterdir()
    path.write_bytes(spoil(path.read_bytes()))
    again = restarted()
    assert again.champion is None
    assert why in again.told.refused[-1].why
    again.registry.away = False
    again.look(2)
    assert again.champion == 2
    assert ChampionCache(folder).kept(PROBLEM.name)[0].model.version == 2


def test_a_champion_of_other_feature_sets_is_not_served(restarted, folder):
    cache = ChampionCache(folder)
    kept, _ = cache.kept(PROBLEM.name)
    cache.keep(replace(kept, model=replace(kept.model, problem_version=9)))
    again = restarted()
    assert again.champion is None
    assert "(problem 9 is now 1): it cannot decide any more" in again.told.refused[-1].why


def test_the_cache_holds_the_last_good_champion(registry, watched, folder):
    registry.away = False
    registry.register("model 3", telling(3))
    registry.tamper(3, MODEL_FILE)
    registry.promote(3)
    watched.look(2)
    cache = ChampionCache(folder)
    assert cache.kept(PROBLEM.name)[0].model.version == 2
    registry.promote(1)
    watched.look(2)
    kept, confirmed = cache.kept(PROBLEM.name)
    assert (kept.model.version, kept.graph, confirmed) == (1, telling(1).onnx, watched.now)
    del registry.aliases[CHAMPION]
    watched.look()
    assert cache.kept(PROBLEM.name) is None


def test_a_file_of_another_form_is_not_read(folder):
    (path,) = folder.iterdir()
    told = msgspec.msgpack.decode(path.read_bytes())
    path.write_bytes(msgspec.msgpack.encode(told | {"form": 2}))
    with pytest.raises(Exception, match="in form 1"):
        ChampionCache(folder).kept(PROBLEM.name)


def test_a_disk_that_takes_nothing_stops_no_model(tmp_path):
    (tmp_path / "models").write_text("a file where a folder should be")
    registry = MemoryRegistry()
    registry.promote(registry.register("a", telling(1)))
    watched = Watched(registry, tmp_path / "models")
    watched.look()
    assert watched.champion == 1
    assert watched.stale == ()
