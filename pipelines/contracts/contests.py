"""The gold table of contests: who took part, what was measured, who won, and why."""

from typing import NamedTuple

from pipelines.contracts.tables import DOUBLE, INTEGER, LONG, STRING, TIMESTAMP, Column, TableSpec

OUTCOMES = ("promoted", "kept", "defended", "lost", "refused", "failed")
"""What became of a contestant. The champion `defended`, or `lost` to the one that was `promoted`; others
`lost`, were `refused` by a gate, or `failed` before they could be judged. `kept`: a champion that was judged
by a block which no challenger came to."""


class Mark(NamedTuple):
    """A place in the order of decisions: UTC microseconds, then the row's id."""

    decided_at: int
    row_id: str


CONTESTS = TableSpec(
    name="gold.contests",
    grain="One row per contestant of a contest.",
    keys=("contest_id", "contestant"),
    columns=(
        Column("contest_id", STRING, "run of the contest in MLflow", nullable=False),
        Column("problem", STRING, "what is decided", nullable=False),
        Column("problem_version", INTEGER, "version of the problem", nullable=False),
        Column("held_at", TIMESTAMP, "when the contest ended", nullable=False),
        Column("reason", STRING, "why it was held: block, alert, asked", nullable=False),
        Column("contestant", STRING, "name of the contestant", nullable=False),
        Column("version", INTEGER, "of the registered model; null where none was made"),
        Column("outcome", STRING, ", ".join(OUTCOMES), nullable=False),
        Column("why", STRING, "one sentence for people", nullable=False),
        Column("average_precision", DOUBLE, "on the judging block"),
        Column("average_precision_low", DOUBLE, "lower bound of its interval"),
        Column("average_precision_high", DOUBLE, "upper bound of its interval"),
        Column("difference", DOUBLE, "average precision less the champion's"),
        Column("p_value", DOUBLE, "that it is no better, corrected for the number of challengers"),
        Column("calibration_error", DOUBLE, "mean |probability - frequency|"),
        Column("calibration", STRING, "JSON array of [expected, observed, rows] by bins of equal weight"),
        Column("row_micros", DOUBLE, "median time of one row, microseconds"),
        Column("train_rows", LONG, "decisions that challengers learnt from", nullable=False),
        Column("train_digest", STRING, "SHA-256 of those rows", nullable=False),
        Column("train_until", TIMESTAMP, "the last of them; null: there was none"),
        Column("judged_rows", LONG, "decisions of the judging block", nullable=False),
        Column("judged_positives", LONG, "of which the outcome came", nullable=False),
        Column("judged_digest", STRING, "SHA-256 of those rows", nullable=False),
        Column("judged_from", TIMESTAMP, "first decision of the judging block", nullable=False),
        Column("judged_until", TIMESTAMP, "last decision of the judging block", nullable=False),
        Column("judged_until_row_id", STRING, "its row id: the next block begins after it", nullable=False),
        Column("examples_version", LONG, "version of gold.labelled_examples that was read", nullable=False),
    ),
    skipping=("problem", "held_at"),
)
