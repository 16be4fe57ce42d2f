"""Who scores follows the registry: champion, shadows, refusals, and what is told of them."""

import gc
import weakref
from datetime import UTC, datetime

import pytest

from pipelines.contracts.model_registry import CHAMPION, FEATURES_FILE, MODEL_FILE
from serving.scoring.known import Stale
from tests.serving.models.conftest import MINUTE, Watched
from tests.serving.models.graphs import FEATURES, KNOWN, constant, telling


def promoted(registry, version: int) -> int:
    """A version of that number, telling its number, made the champion."""
    assert registry.register(f"model {version}", telling(version)) == version
    registry.promote(version)
    return version


def test_before_the_first_champion_nothing_scores(watched):
    watched.look()
    assert (watched.serving.champion, watched.serving.shadows) == (None, ())
    assert watched.stale == ()
    watched.registry.register("a", telling(1))
    watched.look()
    assert watched.champion is None
    assert watched.told.swaps == ()


def test_the_champion_says_what_it_is(watched):
    promoted(watched.registry, 1)
    watched.look(2)
    champion = watched.serving.champion
    assert (champion.name, champion.version, champion.threshold) == ("model 1", 1, 1 / 3)
    assert (champion.features, champion.sha256) == (FEATURES, telling(1).sha256)
    assert champion.average_precision == {"value": 0.5, "low": 0.4, "high": 0.6}
    assert champion.registered_at == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert champion.promoted_at is not None
    assert champion.probability(KNOWN) == 1 / 64
    assert champion.probability(dict.fromkeys(KNOWN, True)) == 1 / 64


def test_a_promotion_and_its_undoing_are_swaps(watched):
    for version in (1, 2):
        promoted(watched.registry, version)
        watched.look(2)
        assert watched.champion == version
    since = watched.serving.since
    assert (watched.serving.previous, watched.shadows) == (1, [1])
    watched.registry.promote(1)
    watched.look(2)
    assert (watched.champion, watched.serving.previous, watched.shadows) == (1, 2, [2])
    assert watched.serving.since > since
    swaps = [(one.before, one.version, one.name, one.by, one.reason) for one in watched.told.swaps]
    assert swaps == [
        (None, 1, "model 1", "ada", "better"),
        (1, 2, "model 2", "ada", "better"),
        (2, 1, "model 1", "ada", "better"),
    ]
    assert watched.registry.asked == 2


def test_who_promoted_is_told_once_the_registry_does(watched):
    promoted(watched.registry, 1)
    watched.look(2)
    watched.registry.register("model 2", telling(2))
    watched.registry.aliases[CHAMPION] = 2
    watched.look()
    assert (watched.told.swaps[-1].by, watched.serving.champion.promoted_at) == ("", None)
    watched.registry.tell(2, "promoted")
    watched.look()
    assert watched.told.swaps[-1].by == "ada"
    assert watched.serving.champion.promoted_at is not None
    assert watched.told.swapped == 2


def test_shadows_are_challenger_previous_and_entrants_to_their_number(registry, tmp_path):
    promoted(registry, 1)
    promoted(registry, 2)
    registry.rank(registry.register("challenger", telling(3)))
    for version in (4, 5, 6):
        registry.enter("entrant", telling(version))
    for shadows, expected in ((0, []), (1, [3]), (4, [3, 1, 6, 5])):
        watched = Watched(registry, tmp_path, shadows=shadows)
        watched.look()
        assert (watched.champion, watched.shadows) == (2, expected)
    assert (watched.serving.previous, watched.serving.challenger) == (1, 3)


def test_what_is_retired_is_let_go(watched):
    for version in (1, 2):
        promoted(watched.registry, version)
        watched.look(2)
    sessions = [weakref.ref(watched.serving.shadows[0].model), weakref.ref(watched.serving.champion.model)]
    watched.registry.retire(1)
    watched.look()
    gc.collect()
    assert watched.shadows == []
    assert [one() is None for one in sessions] == [True, False]


def test_a_retired_entrant_goes_within_a_minute(watched):
    promoted(watched.registry, 1)
    watched.registry.enter("entrant", telling(2))
    watched.look(2)
    assert watched.shadows == [2]
    watched.registry.retire(2)
    watched.look()
    assert watched.shadows == [2]
    watched.now += MINUTE
    watched.look()
    assert watched.shadows == []


@pytest.mark.parametrize("file", [MODEL_FILE, FEATURES_FILE])
def test_a_changed_file_is_refused_and_the_champion_stays(watched, file):
    promoted(watched.registry, 1)
    watched.look(2)
    promoted(watched.registry, 2)
    watched.registry.tamper(2, file)
    watched.look(3)
    assert (watched.champion, watched.shadows) == (1, [])
    assert watched.serving.champion.probability(KNOWN) == 1 / 64
    (refusal,) = watched.told.refused
    assert (refusal.version, watched.told.refusals) == (2, 1)
    assert "v2: its file is not the one that was registered (SHA-256 " in refusal.why
    assert [one.part for one in watched.stale] == ["model"]
    promoted(watched.registry, 3)
    watched.look()
    assert (watched.champion, watched.stale) == (3, ())


@pytest.mark.parametrize(
    ("tag", "value", "why"),
    [
        ("problem_version", "7", "made for other versions (problem 7 is now 1): it cannot decide any more"),
        ("set_versions", '{"clicks": 99}', "made for other versions (clicks 99 is now "),
        ("retired", "2026-11-22T00:00:00+00:00", "v2 is retired: its file is deleted"),
        ("set_versions", "no JSON", "cannot be read there as a version of clicklake's"),
    ],
)
def test_a_version_that_cannot_decide_is_refused(watched, tag, value, why):
    promoted(watched.registry, 1)
    watched.look(2)
    promoted(watched.registry, 2)
    watched.registry.stored[2].tags[tag] = value
    watched.look()
    assert watched.champion == 1
    assert why in watched.told.refused[-1].why
    assert watched.told.refused[-1].version == 2


def test_a_champion_that_cannot_be_read_is_not_read_at_every_look(watched):
    promoted(watched.registry, 1)
    watched.registry.stored[1].tags["set_versions"] = "no JSON"
    read, versions = [], watched.registry.versions
    watched.registry.versions = lambda *asked: read.append(1) or versions(*asked)
    watched.look(10)
    assert (len(read), watched.told.refusals) == (2, 1)
    watched.registry.stored[1].tags["set_versions"] = "{}"
    watched.now += MINUTE
    watched.look()
    assert watched.champion == 1


def test_a_model_is_refused_that_fails_gives_no_probabilities_or_asks_for_more(watched):
    promoted(watched.registry, 1)
    watched.look(2)
    wide = constant(0.5, FEATURES[:3])
    unfit = {
        "looks at twin__nothing, which": constant(0.5, (*FEATURES, "twin__nothing")),
        "fails on rows of its 4 features": type(wide)(FEATURES, wide.onnx),
        "gives no probabilities": constant(1.5),
        "not an ONNX graph": type(wide)(FEATURES, b"\x80\x04 a pickle"),
    }
    for version, (why, file) in enumerate(unfit.items(), 2):
        assert watched.registry.register("unfit", file) == version
        watched.registry.promote(version)
        watched.look()
        assert why in watched.told.refused[-1].why
        assert watched.champion == 1
    assert watched.told.refusals == 4


def test_a_refused_shadow_costs_the_champion_nothing(watched):
    promoted(watched.registry, 1)
    watched.registry.rank(watched.registry.register("challenger", telling(2)))
    watched.registry.tamper(2, MODEL_FILE)
    watched.look(3)
    assert (watched.champion, watched.shadows, watched.stale) == (1, [], ())
    assert (watched.told.refusals, watched.told.refused[-1].version) == (1, 2)


def test_a_repaired_file_is_taken_within_a_minute(watched):
    promoted(watched.registry, 1)
    watched.registry.tamper(1, MODEL_FILE)
    watched.look(2)
    assert watched.champion is None
    watched.registry.kept["memory:/1", MODEL_FILE] = telling(1).onnx
    watched.now += MINUTE
    watched.look()
    assert (watched.champion, watched.stale) == (1, ())


def test_a_file_that_cannot_be_had_now_is_asked_for_again_at_once(watched):
    promoted(watched.registry, 1)
    watched.look(2)
    promoted(watched.registry, 2)
    watched.registry.files_away = True
    watched.look(2)
    assert watched.champion == 1
    assert watched.stale == (Stale("model", 2_000),)
    watched.registry.files_away = False
    watched.look()
    assert (watched.champion, watched.stale) == (2, ())


def test_a_registry_that_forgot_everything_is_not_believed(watched):
    promoted(watched.registry, 1)
    watched.look(2)
    watched.registry.stored = {}
    watched.look(2)
    assert watched.champion == 1
    assert watched.told.refused[-1].why.endswith("v1, its last champion, goes on deciding.")
    assert [one.part for one in watched.stale] == ["model"]


def test_a_champion_that_lost_its_alias_decides_no_more(watched):
    promoted(watched.registry, 1)
    watched.look(2)
    del watched.registry.aliases[CHAMPION]
    watched.look()
    assert (watched.champion, watched.serving.since is not None) == (None, True)
    assert (watched.told.swaps[-1].before, watched.told.swaps[-1].version) == (1, None)


def test_the_newest_fifty_swaps_are_told(watched):
    for version in (1, 2):
        promoted(watched.registry, version)
    for _ in range(30):
        for version in (1, 2):
            watched.registry.promote(version)
            watched.look()
    assert (len(watched.told.swaps), watched.told.swapped) == (50, 60)
    assert watched.told.swaps[-1].version == 2
