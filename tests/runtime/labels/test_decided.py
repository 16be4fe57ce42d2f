"""Labels with what the scorer decided about them; those of unsound decisions are no examples."""

import pytest

from pipelines.contracts.labels import LABELS
from pipelines.gold.decisions.judging import JUDGED_BY
from pipelines.runtime.labels.decided import decisions_about, with_decisions
from tests.records import NOON, frame
from tests.runtime.decisions.log_lake import LogLake, asked, decided

pytestmark = pytest.mark.spark


def label(offset, row_id, **changes):
    same = {"problem": "checkout_purchase", "problem_version": 1, "topic": "clicks", "partition": 0}
    times = {"decided_at": NOON, "known_at": NOON, "horizon_seconds": 60, "slices": {}, "label": 0}
    return same | times | {"offset": offset, "row_id": row_id} | changes


def test_labels_get_their_decision_and_unsound_ones_go(spark, tmp_path):
    lake = LogLake(tmp_path)
    lake.send(
        decided(0, 1, action="reassure", wanted_action="reassure", is_holdout=False, propensity=0.9),
        decided(1, 2, state_ahead=True),
        decided(2, 3, is_whole=False),
        decided(3, 4, is_whole=None),
        decided(4, 5, state_ahead=None),
        decided(4, 6, event_id="again", action="reassure", state_ahead=True),
        asked(5, 7),
        decided(6, 8, problem="session_purchase", state_ahead=True),
        decided(7, 9, about_partition=1, state_ahead=True),
        decided(8, 9, problem_version=2, state_ahead=True),
    )
    labels = frame(spark, LABELS, [label(n, f"e{n}") for n in range(9)] + [label(1, "other#2")])
    found = with_decisions(labels, decisions_about(spark, lake.names))
    assert set(found.columns) == {*LABELS.column_names, *JUDGED_BY}
    rows = {row["row_id"]: tuple(row[name] for name in JUDGED_BY) for row in found.collect()}
    held = ("nothing", "discount_now", True, 0.1)
    nobody = (None, None, None, None)
    assert rows == {
        "e0": ("reassure", "reassure", False, 0.9),
        "e4": held,
        **dict.fromkeys(("e5", "e6", "e7", "e8", "other#2"), nobody),
    }
