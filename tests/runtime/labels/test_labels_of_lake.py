"""Labels and examples of a lake that grows: each decision once, by the stream or by the job that settles."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from pipelines.connectors.delta import ensure_without_spark
from pipelines.contracts.labels import LABEL_KEY, LABELLED_EXAMPLES, LABELS
from pipelines.gold.features.scalar import merged, state_of, values
from pipelines.gold.features.sets import all_sets
from pipelines.gold.problems import all_problems
from pipelines.runtime.labels.examples import build_examples
from pipelines.runtime.labels.settle import settle_labels
from pipelines.runtime.streams.queries import label_decisions as query_module
from pipelines.runtime.streams.queries.label_decisions import label_decisions
from pipelines.runtime.streams.site import Site
from pipelines.runtime.streams.streaming import start_stream
from pipelines.settings import load_settings
from tests.gold.labels.plain_labels import plain_labels
from tests.runtime.features.grown_lake import GrownLake
from tests.tiny_lake import TinyLake

pytestmark = pytest.mark.spark
LATE = 4
SETS = {"checkout_purchase": ("session", "user"), "product_purchase": ("session", "twin")}
PROBLEMS = tuple(
    replace(one, horizon_seconds=20, sets=SETS.get(one.name, ("session",))) for one in all_problems().values()
)
TIMES = ("decided_at", "known_at", "outcome_at", "outcome_known_at")


class Silent:
    """Metrics of a run nobody watches."""

    def record(self, report):
        """Forget it."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return TinyLake(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def lake(shop, tmp_path):
    return GrownLake(shop, tmp_path)


@pytest.fixture
def site(spark, lake, monkeypatch):
    monkeypatch.setattr(query_module, "all_problems", lambda: {one.name: one for one in PROBLEMS})
    ensure_without_spark(LABELS, lake.names.table(LABELS.name))
    settings = load_settings(overrides=[f"labels.late_seconds={LATE}", "labels.trigger_seconds=0"])
    return Site(spark, settings, lake.names, None, None)


def run(site, spec=None):
    """Run the query until it has read all."""
    spec = spec or label_decisions(site)
    stream = start_stream(site.spark, spec, site.names, Silent(), available_now=True)
    stream.query.awaitTermination()
    stream.release()
    assert stream.fault() is None


def settled(site, *, days=None):
    return settle_labels(site.spark, site.names, PROBLEMS, late_seconds=LATE, days=days)


def rows(lake, spec=LABELS):
    """Rows of the table, times in UTC microseconds."""
    found = DeltaTable(lake.names.table(spec.name)).to_pyarrow_table().select(spec.column_names)
    for name in TIMES:
        found = found.set_column(found.column_names.index(name), name, found[name].cast(pa.int64()))
    return [row | {"slices": dict(row["slices"])} for row in found.to_pylist()]


def by_key(labels):
    """Rows by what names them, each once."""
    every = [(tuple(row[name] for name in LABEL_KEY), row) for row in labels]
    assert len(dict(every)) == len(every)
    return dict(every)


def micros(text):
    return round(
        (datetime.fromisoformat(text) - datetime.fromisoformat("1970-01-01T00:00Z"))
        / timedelta(microseconds=1)
    )


def assert_each_once(lake, done):
    """Every decision before the moment has its label; one differs only where its outcome came too late."""
    found, wanted = by_key(rows(lake)), by_key(plain_labels(lake.events(), PROBLEMS))
    until = micros(done["until"])
    due = {key for key, row in wanted.items() if row["decided_at"] < until}
    assert due <= set(found) <= set(wanted)
    differ = Counter(key[0] for key in due if found[key]["label"] != wanted[key]["label"])
    assert all(found[key]["label"] == 0 for key in due if found[key]["label"] != wanted[key]["label"])
    assert differ == Counter(done["outcomes_too_late"])
    assert all(found[key] == wanted[key] for key in due if found[key]["label"] == wanted[key]["label"])


def test_the_stream_and_the_job_add_each_decision_once(site, lake):
    begun = label_decisions(site)
    for share, spec in ((0.3, begun), (0.6, None), (0.7, None), (1.0, None)):
        lake.arrive(share)
        run(site, spec)
    by_stream = len(rows(lake))
    first, again = settled(site), settled(site)
    assert by_stream > 0
    assert sum(first["added"].values()) > 0, "no decision came too late: the test says nothing"
    assert len(rows(lake)) == by_stream + sum(first["added"].values())
    assert set(again["added"].values()) == {0}
    run(site)
    assert_each_once(lake, again)
    assert any(row["label"] for row in rows(lake))


def test_history_is_settled_and_the_stream_goes_on_from_there(site, lake):
    lake.arrive(0.6)
    before = settled(site)
    assert sum(before["added"].values()) == len(rows(lake)) > 0
    assert_each_once(lake, before)
    stream = start_stream(site.spark, label_decisions(site), lake.names, Silent(), available_now=False)
    for share in (0.8, 0.9, 1.0):
        stream.query.processAllAvailable()
        lake.arrive(share)
    stream.query.processAllAvailable()
    stream.drain(wait_seconds=30)
    assert stream.fault() is None
    assert len(rows(lake)) > sum(before["added"].values()), "the stream adds nothing"
    assert_each_once(lake, settled(site))


def features_then(set_, events, row):
    """The set's numbers, event by event, as of when the decision was known."""
    at = row["known_at"] if row["clock"] == "known" else row["decided_at"]
    by = "known_at" if row["clock"] == "known" else "occurred_at"
    bound = (at, "" if row["clock"] == "known" else row["row_id"])
    seen = (one for one in events if (one[by], one["event_id"]) < bound)
    mine = (one for one in seen if all(one[key] is not None and one[key] == row[key] for key in set_.keys))
    state = merged(set_, (state_of(set_, one) for one in mine))
    found = {f"{set_.name}__{name}": value for name, value in values(set_, state, at=at).items()}
    return {name: value for name, value in found.items() if value is not None}


@pytest.mark.parametrize(("clock", "late"), [("known", timedelta()), ("occurred", timedelta(days=365))])
def test_examples_have_what_was_known_and_never_their_outcome(site, lake, clock, late):
    for some in lake._all.values():
        for one in some:
            one["known_at"] += late
    lake.arrive(1.0)
    settled(site)
    made = build_examples(site.spark, site.names, PROBLEMS, anew=False)
    found = by_key(rows(lake, LABELLED_EXAMPLES))
    open_ = by_key(
        row
        for row in rows(lake)
        if clock == "occurred"
        or row["outcome_known_at"] is None
        or row["outcome_known_at"] >= row["known_at"]
    )
    assert {key: {name: row[name] for name in LABELS.column_names} for key, row in found.items()} == open_
    assert made == {one.name: sum(key[0] == one.name for key in found) for one in PROBLEMS}
    events, session = lake.events(), all_sets()["session"]
    for row in found.values():
        said = {
            name: value for name, value in [*row["features"], *row["texts"]] if name.startswith("session__")
        }
        assert said == features_then(session, events, row)
        versions = {name: all_sets()[name].version for name in SETS.get(row["problem"], ("session",))}
        assert (row["clock"], dict(row["set_versions"])) == (clock, versions)
        assert {name.partition("__")[0] for name, _ in row["features"]} <= set(versions)
    assert any(row["label"] for row in found.values())
    assert build_examples(site.spark, site.names, PROBLEMS, anew=False) == dict.fromkeys(made, 0)
    one = PROBLEMS[0]
    assert build_examples(site.spark, site.names, [one], anew=True) == {one.name: made[one.name]}
    assert by_key(rows(lake, LABELLED_EXAMPLES)) == found
