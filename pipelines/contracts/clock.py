"""Times as UTC microseconds, which the lake counts, and as Python and Postgres have them."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
_MINUTE = 60_000_000


def moment(micros: int) -> datetime:
    """The time of so many microseconds since 1970."""
    return _EPOCH + micros * _MICRO


def micros(time: datetime) -> int:
    """Microseconds since 1970; a time without a zone is UTC."""
    zoned = time if time.tzinfo else time.replace(tzinfo=UTC)
    return (zoned - _EPOCH) // _MICRO


def minute_of(at: int) -> int:
    """The beginning of the minute that holds the moment; both in UTC microseconds."""
    return at // _MINUTE * _MINUTE
