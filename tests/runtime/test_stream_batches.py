"""A batch of a stream: what it raises is kept, what cannot be told of it is not raised."""

import pytest
from structlog.testing import capture_logs

from pipelines.connectors.names import LAND_BRONZE
from pipelines.contracts.lake import DEAD_LETTERS
from pipelines.runtime.streams import streaming
from pipelines.runtime.streams.batches import BatchSummary
from pipelines.runtime.streams.streaming import Progress, StreamSpec

REACHED = {("clicks", 0): 5}


class Kept(list):
    """Reports, kept."""

    record = list.append


@pytest.fixture
def reports():
    return Kept()


def batches(process, reports, *, covered=None):
    progress = Progress(covered or {})
    spec = StreamSpec(LAND_BRONZE, None, (), lambda: process, 1)
    return streaming._Batches(spec, None, progress, reports, lambda: "id"), progress


def test_a_batch_that_is_written_moves_the_position_and_is_reported(reports):
    summary = BatchSummary(REACHED, {"bronze.clicks": 5}, {}, [(1000, 5)], remembered=3)
    under_test, progress = batches(lambda _batch, _context: summary, reports, covered={("clicks", 1): 2})
    under_test.process(None, 4)
    assert (progress.began, progress.committed, progress.remembered) == (4, 4, 3)
    assert progress.covered == {("clicks", 0): 5, ("clicks", 1): 2}
    assert [(one.query, one.batch_id, one.rows) for one in reports] == [
        (LAND_BRONZE, 4, {"bronze.clicks": 5})
    ]


def test_an_empty_batch_is_committed_and_not_reported(reports):
    under_test, progress = batches(lambda _batch, _context: None, reports)
    under_test.process(None, 4)
    assert (progress.committed, progress.covered, list(reports)) == (4, {}, [])


def test_what_a_batch_raises_is_kept_and_raised(reports):
    def fail(_batch, _context):
        raise ValueError("odd")

    under_test, progress = batches(fail, reports)
    with pytest.raises(ValueError, match="odd") as raised:
        under_test.process(None, 4)
    assert progress.error is raised.value
    assert (progress.began, progress.committed, progress.covered) == (4, None, {})


def test_a_report_that_cannot_be_made_does_not_fail_the_batch(reports):
    summary = BatchSummary(REACHED, {}, {}, [], previews=[(DEAD_LETTERS.name, "{}")])
    under_test, progress = batches(lambda _batch, _context: summary, reports)
    with capture_logs() as logs:
        under_test.process(None, 4)
    assert (progress.committed, progress.covered, progress.error) == (4, REACHED, None)
    assert [(one["event"], one["batch_id"]) for one in logs] == [("batch_not_reported", 4)]
