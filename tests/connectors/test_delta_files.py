"""Files of one commit, in the order in which a stream over the table reads them."""

from datetime import date, timedelta

import pyarrow as pa
import pytest

from pipelines.connectors.delta_files import write_files
from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.lake import BRONZE
from tests.records import bronze_row

TODAY = date(2026, 3, 1)
TOMORROW = TODAY + timedelta(days=1)


@pytest.mark.parametrize("days", [[TODAY, TOMORROW], [TOMORROW, TODAY]])
def test_earlier_days_lie_before_later_ones(tmp_path, days):
    """A batch of the stream may end between two files: what arrived earlier must not come after it."""
    rows = [
        bronze_row(topic, n, b"", ingested_date=day)
        for topic in ("orders", "clicks")
        for n, day in enumerate(days * 3)
    ]
    table = pa.Table.from_pylist(rows, schema=arrow_schema(BRONZE))
    files = write_files(table, BRONZE, str(tmp_path))
    assert [(one.partition_values["topic"], one.partition_values["ingested_date"]) for one in files] == [
        (topic, str(day)) for topic in ("clicks", "orders") for day in (TODAY, TOMORROW)
    ]
    assert {one.statistics["numRecords"] for one in files} == {3}
