"""Figures of decisions by hand: minutes, latencies in buckets, scores of versions, cuts of blocks."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.gold.decisions.figures import (
    BY_MINUTE,
    Latency,
    Minute,
    calibration_error,
    cuts,
    latencies,
    minutes,
    scores,
)
from training.evaluation.metrics import METRICS

MINUTE = 60_000_000
PLAIN = {
    "problem": "p",
    "model_version": 3,
    "action": "nothing",
    "is_holdout": False,
    "stale": "[]",
    "occurred_at": 5 * MINUTE,
    "ingested_micros": 2_100,
    "published_micros": None,
}


def table(*rows):
    return pa.Table.from_pylist([PLAIN | row for row in rows]).select(BY_MINUTE)


def test_minutes_count_by_problem_version_and_action():
    rows = table(
        {},
        {"is_holdout": True, "occurred_at": 6 * MINUTE - 1},
        {"stale": '[["kafka",900]]'},
        {"action": "reassure"},
        {"model_version": None, "stale": None, "is_holdout": None},
        {"occurred_at": 6 * MINUTE},
        {"problem": "q"},
    )
    assert minutes(rows) == [
        Minute(5 * MINUTE, "p", 0, "nothing", 1, 0, 0),
        Minute(5 * MINUTE, "p", 3, "nothing", 3, 1, 1),
        Minute(5 * MINUTE, "p", 3, "reassure", 1, 0, 0),
        Minute(5 * MINUTE, "q", 3, "nothing", 1, 0, 0),
        Minute(6 * MINUTE, "p", 3, "nothing", 1, 0, 0),
    ]


def test_latencies_are_rounded_up_to_milliseconds_and_the_unknown_are_left_out():
    rows = table({}, {"ingested_micros": 3_000}, {"ingested_micros": 3_001, "published_micros": 40_000})
    assert latencies(rows) == [
        Latency(5 * MINUTE, "p", "ingested", 3, 2),
        Latency(5 * MINUTE, "p", "ingested", 4, 1),
        Latency(5 * MINUTE, "p", "published", 40, 1),
    ]


def judged(*rows):
    plain = {"model_version": 3, "shadows": None, "weight": 1.0}
    return pa.Table.from_pylist([plain | row for row in rows])


def test_champion_and_shadow_are_judged_side_by_side_by_the_rows_that_show_it():
    said = '[{"model":"p","version":4,"probability":%s}]'
    rows = judged(
        {"probability": 0.9, "label": 1, "shadows": said % 0.2},
        {"probability": 0.8, "label": 0, "shadows": said % 0.1, "weight": 2.0},
        {"probability": 0.1, "label": 1, "shadows": None},
        {"probability": 0.7, "label": None, "shadows": said % 0.9},
        {"probability": 0.7, "label": 0, "shadows": said % 0.9, "weight": 0.0},
        {"probability": None, "label": 1, "shadows": said % "null", "model_version": None},
    )
    champion, shadow = scores(rows, threshold=0.15)
    assert (champion.model_version, champion.is_champion, champion.judged, champion.positives) == (
        3,
        True,
        3,
        2,
    )
    assert champion.accuracy == pytest.approx(1 / 4)
    assert champion.average_precision == pytest.approx((1 + 2 / 4) / 2)
    assert champion.observed == pytest.approx(2 / 4)
    assert champion.expected == pytest.approx((0.9 + 1.6 + 0.1) / 4)
    assert (shadow.model_version, shadow.is_champion, shadow.judged) == (4, False, 2)
    assert (shadow.accuracy, shadow.average_precision) == (1.0, 1.0)


def test_one_outcome_alone_has_no_average_precision():
    (only,) = scores(judged({"probability": 0.9, "label": 0}), threshold=0.5)
    assert (only.average_precision, only.accuracy) == (None, 0.0)


@given(
    st.lists(
        st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.9]), st.integers(0, 1), st.floats(0.5, 9)), min_size=2
    )
)
def test_calibration_and_precision_are_those_of_contests(said):
    chances, labels, weights = (np.array(column, float) for column in zip(*said, strict=True))
    of_contest = {
        name: METRICS[name].of(labels.astype(np.int64), chances, weights, 0.5)
        for name in ("calibration_error", "average_precision")
    }
    rows = judged(
        *(
            {"probability": c, "label": int(y), "weight": w}
            for c, y, w in zip(chances, labels, weights, strict=True)
        )
    )
    (found,) = scores(rows, threshold=0.5)
    assert found.calibration_error == pytest.approx(of_contest["calibration_error"])
    if found.average_precision is not None:
        assert found.average_precision == pytest.approx(of_contest["average_precision"])


def test_bins_are_counted_from_the_best_down_as_contests_do():
    chances = np.array([0.1, 0.2, 0.2, 0.3, *[0.9] * 16])
    labels = np.array([1.0, 0, 0, 0, *[1.0] * 16])
    expected = (abs(-0.9 + 0.4) + 0.3 + 1.6) / 20
    assert calibration_error(chances, labels, np.ones(20)) == pytest.approx(expected)
    of_contest = METRICS["calibration_error"].of(labels.astype(np.int64), chances, np.ones(20), 0.5)
    assert of_contest == pytest.approx(expected)


def test_calibration_by_hand():
    chances = np.array([0.0, 0.0, 1.0, 1.0])
    assert calibration_error(chances, np.array([0.0, 0.0, 1.0, 1.0]), np.ones(4)) == 0
    assert calibration_error(chances, np.array([1.0, 0.0, 1.0, 0.0]), np.ones(4)) == pytest.approx(0.5)
    assert calibration_error(
        chances, np.array([1.0, 0.0, 1.0, 1.0]), np.array([3.0, 1, 1, 1])
    ) == pytest.approx(0.5)


def test_blocks_end_after_so_many_decisions_and_never_within_a_moment():
    assert cuts([5, 1, 2, 3, 4], size=2) == [3, 5]
    assert cuts([1, 2, 2, 2, 3, 4], size=2) == [3, 5]
    assert cuts([1], size=2) == []
