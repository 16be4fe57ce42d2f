"""Feeds that are quicker than what they tell say when each record would have arrived."""

from datetime import UTC, datetime

from pipelines.contracts.parsing import KNOWN_AT_HEADER
from pipelines.runtime.feeds.arrival_times import with_arrivals
from pipelines.simulator import ShopConfig, Simulation

START = int(datetime(2026, 1, 31, tzinfo=UTC).timestamp() * 1e6)


def test_each_record_has_one_time_of_arrival_that_of_its_sending():
    config = ShopConfig(seed=3, rate=50, start=START, max_records=3_000, broken_share=0.1)
    plain = list(Simulation(config).deliveries())
    told = list(with_arrivals(Simulation(config).deliveries(), start=START))
    assert [one._replace(headers=()) for one in told] == [one._replace(headers=()) for one in plain]
    for before, after in zip(plain, told, strict=True):
        (text,) = [value for name, value in after.headers if name == KNOWN_AT_HEADER]
        own = [value for name, value in before.headers if name == KNOWN_AT_HEADER]
        if own:
            assert text == own[0]
        else:
            at = datetime.fromisoformat(text.decode())
            assert round(at.timestamp() * 1e6) == START + before.send_at
