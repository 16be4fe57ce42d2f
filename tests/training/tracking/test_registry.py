"""The registry on MLflow's own store: who is champion, how it came, how it is undone."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.connectors.onnx_model import OnnxModel
from pipelines.errors import ModelError, ServiceError, SettingsError
from tests.training.tracking.contests import CHECKOUT, contestant, files, record
from tests.training.tracking.outside_models import FEATURES
from training.tracking.entering import enter
from training.tracking.reading import ChampionChanged
from training.tracking.registry import Registry
from training.tracking.runs import record_contest
from training.tracking.server import Server

NAME = CHECKOUT.name


def recorded(server, *names):
    """A version each."""
    told = record_contest(server, record(*(contestant(name) for name in names)))
    return [told.versions[name] for name in names]


def promoted(registry, version, expected=None):
    return registry.promote(CHECKOUT, version, by="contest block 2", reason="better", expected=expected)


def aliases(registry):
    return {alias: one.version for one in registry.models(NAME) for alias in one.aliases}


def test_nothing_is_registered_yet(registry):
    assert registry.models(NAME) == []
    assert registry.champion(NAME) is None
    with pytest.raises(SettingsError, match="has no champion yet"):
        registry.why(NAME)
    with pytest.raises(SettingsError, match="has no version 3"):
        registry.model(NAME, 3)


def test_a_version_says_what_it_is_and_loads_as_it_was(server, registry):
    (version,) = recorded(server, "tree")
    found = registry.model(NAME, version)
    assert (found.name, found.source, found.problem_version) == ("tree", "contest", CHECKOUT.version)
    assert (found.threshold, found.sha256) == (1 / 3, files()[0].sha256)
    assert found.set_versions == {"twin": 1}
    assert found.average_precision == {"value": 0.5, "low": 0.4, "high": 0.6}
    assert found.aliases == ()
    assert found.retired is None
    file = registry.load(found)
    assert file == files()[0]
    assert OnnxModel(file).probabilities(np.zeros((1, len(FEATURES)), np.float32)).shape == (1,)


def test_a_description_holds_whole_lines_of_a_long_card(server):
    one = replace(contestant("tree"), card="\n".join(["# tree", "x" * 4_000, "y" * 4_000]))
    version = str(record_contest(server, record(one)).versions["tree"])
    described = server.client.get_model_version(f"clicklake-{NAME}", version).description
    assert described == "# tree\n" + "x" * 4_000


@pytest.mark.parametrize("name", ["model.onnx", "features.json"])
def test_a_changed_file_is_not_loaded(server, registry, name):
    first, second = recorded(server, "tree", "gaussian")
    promoted(registry, first)
    found = registry.model(NAME, second)
    path = Path(found.folder.removeprefix("file://"), name)
    content = path.read_bytes()
    changed = json.dumps(json.loads(content)[::-1]).encode() if name == "features.json" else content + b"\0"
    path.write_bytes(changed)
    for attempt in (lambda: registry.load(found), lambda: promoted(registry, second, expected=first)):
        with pytest.raises(ModelError, match="not the one that was registered"):
            attempt()
    assert aliases(registry)["champion"] == first


def test_promotion_and_rollback_change_champion_and_previous(server, registry):
    first, second, third = recorded(server, "a", "b", "c")
    assert promoted(registry, first).aliases == ("champion",)
    assert aliases(registry) == {"champion": first}
    promoted(registry, second, expected=first)
    assert aliases(registry) == {"champion": second, "previous": first}
    promoted(registry, third, expected=second)
    assert aliases(registry) == {"champion": third, "previous": second}
    assert registry.rollback(CHECKOUT, by="ada", reason="odd offers").version == second
    assert aliases(registry) == {"champion": second, "previous": third}
    registry.rollback(CHECKOUT, by="ada", reason="all well")
    assert aliases(registry) == {"champion": third, "previous": second}


def test_there_must_be_something_to_go_back_to(server, registry):
    (first,) = recorded(server, "a")
    for _ in range(2):
        with pytest.raises(SettingsError, match="no champion before this one"):
            registry.rollback(CHECKOUT, by="ada", reason="why not")
        promoted(registry, first, expected=registry.champion(NAME) and first)


def test_a_promotion_against_another_champion_does_nothing(server, registry):
    first, second, third = recorded(server, "a", "b", "c")
    promoted(registry, first)
    promoted(registry, second, expected=first)
    with pytest.raises(ChampionChanged, match=f"the champion is v{second} by now, not v{first}"):
        promoted(registry, third, expected=first)
    with pytest.raises(ChampionChanged, match="not none"):
        promoted(registry, third)
    assert aliases(registry) == {"champion": second, "previous": first}


def test_of_two_contests_at_once_one_promotes(server, tmp_path, registry):
    versions = recorded(server, "a", "b", "c", "d")
    promoted(registry, versions[0])
    start, outcomes = threading.Barrier(3), []

    def contest(version):
        own = Registry(Server(server.uri), lock=tmp_path / "registry.lock")
        start.wait()
        try:
            outcomes.append(promoted(own, version, expected=versions[0]).version)
        except ChampionChanged:
            outcomes.append(None)

    threads = [threading.Thread(target=contest, args=(one,)) for one in versions[1:]]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    won = [one for one in outcomes if one is not None]
    assert len(outcomes) == 3
    assert len(won) == 1
    assert aliases(registry) == {"champion": won[0], "previous": versions[0]}


def test_the_challenger_is_the_best_that_was_not_promoted(server, registry):
    first, second, third = recorded(server, "a", "b", "c")
    promoted(registry, second)
    registry.rank(NAME, [second, third, first])
    assert aliases(registry) == {"champion": second, "challenger": third}
    promoted(registry, third, expected=second)
    assert aliases(registry) == {"champion": third, "previous": second}


def test_a_retired_version_keeps_its_story_and_nothing_else(server, registry):
    first, second, third = recorded(server, "a", "b", "c")
    promoted(registry, first)
    promoted(registry, second, expected=first)
    with pytest.raises(SettingsError, match="is the champion"):
        registry.retire(NAME, second, by="ada", reason="tired")
    gone = registry.retire(NAME, first, by="ada", reason="tired")
    assert gone.retired is not None
    assert gone.aliases == ()
    assert [one.what for one in gone.events] == ["promoted", f"replaced by v{second}", "retired"]
    with pytest.raises(ModelError, match="is retired"):
        promoted(registry, first, expected=second)
    assert not Path(gone.folder.removeprefix("file://"), "model.onnx").exists()
    assert registry.load(registry.model(NAME, third)) == files()[0]


def test_old_versions_without_an_alias_are_retired_by_policy(server, registry):
    versions = recorded(server, *"abcdef")
    promoted(registry, versions[1])
    assert registry.keep_newest(NAME, count=3) == [versions[2], versions[0]]
    assert registry.keep_newest(NAME, count=3) == []
    assert [one.version for one in registry.models(NAME) if one.retired is None] == [6, 5, 4, 2]


def test_a_model_of_other_features_or_of_another_problem_cannot_decide(server, registry):
    (first,) = recorded(server, "a")
    tag = ("clicklake-checkout_purchase", str(first))
    server.client.set_model_version_tag(*tag, "set_versions", '{"twin": 0}')
    with pytest.raises(ModelError, match=r"made for other versions \(twin 0 is now 1\)"):
        promoted(registry, first)
    server.client.set_model_version_tag(*tag, "problem_version", "7")
    with pytest.raises(ModelError, match="problem 7 is now 1"):
        promoted(registry, first)


def test_the_story_of_a_champion(server, registry):
    first, second = recorded(server, "a", "b")
    promoted(registry, first)
    promoted(registry, second, expected=first)
    again = contestant("b", version=second)
    record_contest(server, record(again, contestant("c"), name="block 3", ruling={"winner": None}))
    story = registry.why(NAME)
    assert story.model.version == second
    assert story.born is not None
    assert (story.born["contest"], story.born["winner"]) == ("block 2", "a")
    assert story.newest is not None
    assert (story.newest["contest"], story.newest["winner"]) == ("block 3", None)
    (told,) = story.model.events
    assert (told.what, told.by, told.reason) == ("promoted", "contest block 2", "better")
    other = registry.why(NAME, first)
    assert [one.what for one in other.model.events] == ["promoted", f"replaced by v{second}"]
    assert json.dumps(other.model.as_data())


def test_a_model_from_elsewhere_stands_in_the_next_contest(server, registry):
    version = enter(server, files()[1], CHECKOUT, name="gaussian", by="ada")
    recorded(server, "a")
    (found,) = registry.entrants(NAME)
    assert (found.version, found.name, found.source) == (version, "gaussian", "entered")
    assert found.average_precision is None
    assert registry.load(found) == files()[1]
    assert [one.what for one in registry.why(NAME, version).model.events] == ["entered"]
    registry.retire(NAME, version, by="ada", reason="no good")
    assert registry.entrants(NAME) == []


def test_mlflow_away_is_said_in_time(tmp_path):
    registry = Registry(Server("http://127.0.0.1:9"), lock=tmp_path / "lock")
    with pytest.raises(
        ServiceError,
        match=r"^MLflow at http://127\.0\.0\.1:9 could not list models: it does not answer\. The",
    ):
        registry.champion(NAME)
