"""What a source of models must do, tried on the one in memory and on the real MLflow."""

import itertools
from pathlib import Path

import pytest

from pipelines.contracts.model_registry import CHALLENGER, CHAMPION, MODEL_FILE, PREVIOUS
from pipelines.errors import ModelError
from serving.models.loading import load
from tests.serving.models.graphs import FEATURES, PROBLEM, telling
from tests.serving.models.registries import MemoryRegistry


@pytest.fixture(params=["memory", pytest.param("mlflow", marks=pytest.mark.services)])
def registry(request, tmp_path: Path):
    if request.param == "memory":
        return MemoryRegistry()
    return request.getfixturevalue("mlflow_registry")


def versions(registry):
    """By number, as the scorer reads them."""
    outline = registry.source.outlines()[PROBLEM.name]
    return {one.version: one for one in registry.source.versions(PROBLEM.name, outline)}


def test_aliases_show_in_the_outline_and_versions_are_read(registry):
    first, second, third = (registry.register(f"model {n}", telling(n)) for n in (1, 2, 3))
    registry.promote(first)
    registry.promote(second)
    registry.rank(third)
    assert registry.source.outlines()[PROBLEM.name].aliases == {
        CHAMPION: second,
        PREVIOUS: first,
        CHALLENGER: third,
    }
    found = versions(registry)
    assert set(found) >= {first, second, third}
    one = found[second]
    assert (one.name, one.aliases, one.sha256) == ("model 2", (CHAMPION,), telling(2).sha256)
    assert (one.threshold, one.problem_version, one.source) == (1 / 3, PROBLEM.version, "contest")
    assert one.average_precision == {"value": 0.5, "low": 0.4, "high": 0.6}
    assert (one.promotion.what, one.promotion.by, one.promotion.reason) == ("promoted", "ada", "better")
    assert found[third].promotion is None


def test_the_outline_changes_with_every_change_that_matters(registry):
    registry.promote(registry.register("a", telling(1)))
    seen = [registry.source.outlines()[PROBLEM.name]]
    entrant = registry.enter("entrant", telling(2))
    seen.append(registry.source.outlines()[PROBLEM.name])
    registry.rank(entrant)
    seen.append(registry.source.outlines()[PROBLEM.name])
    registry.promote(entrant)
    seen.append(registry.source.outlines()[PROBLEM.name])
    assert all(before != after for before, after in itertools.pairwise(seen))
    assert registry.source.outlines()[PROBLEM.name] == seen[-1]


def test_entrants_are_read_without_an_alias_and_others_are_not(registry):
    registry.promote(registry.register("champion", telling(1)))
    lost, entered = registry.register("lost", telling(2)), registry.enter("entered", telling(3))
    found = versions(registry)
    assert lost not in found
    assert found[entered].stands
    registry.retire(entered)
    assert not versions(registry)[entered].stands


def test_files_are_those_that_were_registered(registry):
    version = registry.register("a", telling(1))
    registry.promote(version)
    model = versions(registry)[version]
    graph, features = registry.source.files(model, limit_bytes=1 << 20)
    assert graph == telling(1).onnx
    assert load(PROBLEM, model, graph=graph, features=features).features == FEATURES
    registry.tamper(version, MODEL_FILE)
    graph, features = registry.source.files(model, limit_bytes=1 << 20)
    with pytest.raises(ModelError, match="not the one that was registered"):
        load(PROBLEM, model, graph=graph, features=features)


def test_a_larger_file_is_not_read(registry):
    version = registry.register("a", telling(1))
    registry.promote(version)
    with pytest.raises(ModelError, match="it is larger than"):
        registry.source.files(versions(registry)[version], limit_bytes=100)


def test_a_file_that_is_gone_is_a_fact_about_the_model(registry):
    version = registry.enter("a", telling(1))
    model = versions(registry)[version]
    registry.retire(version)
    with pytest.raises(ModelError, match="it is not there"):
        registry.source.files(model, limit_bytes=1 << 20)
