"""The scorer put together: one model a decision, the stated default, and a record that tells all."""

import json
import math
from dataclasses import replace

import pytest

from pipelines.connectors.onnx_model import OnnxModel
from pipelines.contracts.parsing import RawRecord, parse_record
from pipelines.contracts.topics import all_topics
from pipelines.gold.problems import all_problems
from serving.models.live import LiveModels, Serving
from serving.policy import Policies
from serving.scoring.decision import decision_id
from serving.scoring.known import Known, Stale
from serving.scoring.question import Question
from serving.scoring.scorer import LiveScorer
from tests.serving.models.conftest import Watched
from tests.serving.models.graphs import FEATURES, KNOWN, PROBLEM, constant, telling
from tests.serving.models.registries import MemoryRegistry
from tests.serving.policy.conftest import plain

NOW = 1_772_366_400_000_000
EVENT = {
    "event_id": "e1",
    "topic": "clicks",
    "partition": 2,
    "offset": 41,
    "occurred_at": NOW - 9_000,
    "ingested_at": NOW - 4_000,
}


class Told:
    """What is known, as a test says."""

    def __init__(self):
        features = KNOWN | {FEATURES[0]: 3, FEATURES[1]: True}
        self.known = Known(features, {("clicks", 2): 41}, 7, 1, is_whole=True)

    def known_many(self, questions):
        return [self.known for _ in questions]

    def known_of(self, sets, keys, at):
        return self.known


class Shelf:
    """Products by their sort."""

    def related(self, product_id, sort):
        return [f"{sort} of {product_id}"]


@pytest.fixture
def watched(tmp_path):
    return Watched(MemoryRegistry(), tmp_path / "models", shadows=2)


def scorer(live, state=None, *overrides):
    return LiveScorer(
        state or Told(), live, Policies(all_problems(), plain(*overrides)), Shelf(), name="one", keep=2
    )


def question(number=0, about=None):
    keys = {"visitor_id": f"v{number}", "session_id": "s", "product_id": "p1", "user_id": "u"}
    made = decision_id(PROBLEM, visitor_id=f"v{number}", event_id=f"e{number}")
    return Question(made, PROBLEM, NOW, keys, about=about)


def test_a_record_says_who_decided_by_what(watched):
    for version in (1, 2):
        watched.registry.register(f"model {version}", telling(version * 16))
    watched.registry.promote(2)
    watched.registry.rank(1)
    watched.look(3)
    (made,) = scorer(watched.live).decide([question(about=EVENT)], door="kafka", now=NOW)
    assert (made.model, made.model_version, made.probability) == ("model 2", 2, 0.5)
    assert json.loads(made.shadows) == [{"model": "model 1", "version": 1, "probability": 0.25}]
    assert (made.about_event, made.about_partition, made.about_offset) == ("e1", 2, 41)
    assert (made.published_micros, made.ingested_micros) == (9_000, 4_000)
    assert json.loads(made.positions) == {"clicks": {"2": 41}}
    assert json.loads(made.features) == KNOWN | {FEATURES[0]: 3, FEATURES[1]: True}
    assert json.loads(made.set_versions) == dict.fromkeys(PROBLEM.sets, 1)
    assert (made.is_whole, made.state_ahead, made.batch_id, made.in_flight) == (True, False, 7, 1)


def test_the_record_is_one_that_the_lake_takes(watched):
    watched.registry.register("one", telling(20))
    watched.registry.promote(1)
    watched.look(3)
    (made,) = scorer(watched.live).decide([question(about=EVENT)], door="kafka", now=NOW)
    (row,) = parse_record(RawRecord(b"v0", made.encode(), [], NOW), all_topics()["decisions"])
    assert row["event_id"] == made.event_id
    assert row["occurred_at"] == NOW
    assert row["probability"] == 20 / 64
    assert row["properties"] is None


def test_without_a_model_the_stated_default_is_taken_and_said():
    live = LiveModels([PROBLEM.name], stale_after_micros=5_000_000)
    (made,) = scorer(live).decide([question()], door="http", now=NOW)
    assert (made.action, made.reason, made.probability, made.model) == ("nothing", "default", None, None)
    assert json.loads(made.stale) == [["mlflow", None]]
    assert scorer(live).explain(made.event_id) is None


def test_what_is_no_probability_decides_nothing_and_is_said(watched):
    watched.registry.register("odd", telling(1))
    watched.registry.promote(1)
    watched.look(3)
    live = watched.live
    odd = replace(live.of(PROBLEM.name).champion, model=OnnxModel(constant(math.nan)))
    live.take_over(Serving(PROBLEM.name, odd))
    (made,) = scorer(live).decide([question()], door="http", now=NOW)
    assert (made.action, made.reason, made.probability) == ("nothing", "default", None)
    assert ["model", None] in json.loads(made.stale)


def test_what_is_stale_is_said_of_every_part(watched):
    watched.look()
    state = Told()
    state.known = replace(state.known, is_whole=False, stale=(Stale("postgres", 1_200),))
    (made,) = scorer(watched.live, state).decide([question()], door="http", now=watched.now + 60_000_000)
    assert json.loads(made.stale) == [["postgres", 1_200], ["mlflow", 60_000]]
    assert made.is_whole is False


def test_the_last_decisions_can_be_explained(watched):
    watched.registry.register("one", telling(20))
    watched.registry.promote(1)
    watched.look(3)
    one = scorer(watched.live)
    made = one.decide([question(number) for number in range(3)], door="http", now=NOW)
    assert one.explain(made[0].event_id) is None
    told = one.explain(made[2].event_id)
    assert (told.decision_id, told.model_version, told.probability) == (made[2].event_id, 1, 20 / 64)


def test_an_action_that_names_products_names_those_of_the_product_at_hand():
    live = LiveModels([PROBLEM.name], stale_after_micros=5_000_000)
    names = [one.name for one in PROBLEM.actions if one.products is not None]
    assert names
    one = scorer(live, None, f"default_actions={{{PROBLEM.name}: {names[0]}}}")
    (made,) = one.decide([question()], door="http", now=NOW)
    assert made.action == names[0]
    assert json.loads(made.products)[0].endswith("of p1")


def test_a_swap_between_two_decisions_changes_the_later_one_only(watched):
    live = watched.live
    for version in (1, 2):
        watched.registry.register(f"model {version}", telling(version))
    watched.registry.promote(1)
    watched.look(3)
    one = scorer(live)
    (before,) = one.decide([question(0)], door="http", now=NOW)
    watched.registry.promote(2)
    watched.look(3)
    (after,) = one.decide([question(1)], door="http", now=NOW)
    assert [(m.model_version, m.probability) for m in (before, after)] == [(1, 1 / 64), (2, 2 / 64)]
    live.take_over(Serving(PROBLEM.name))
    assert one.explain(before.event_id).model_version == 1
