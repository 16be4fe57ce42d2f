"""Visits of VIPs for the dashboard: the topic of their actions, gathered in Postgres.

Rows and positions are written in one transaction, so a restart goes on where the rows end. The route
writes at least once; within a partition of the topic the clicks of one source partition keep their
order, so that a click at or before the last one seen there is a copy and is left out.
"""

import threading
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import psycopg2
import structlog
from fastavro.schema import parse_schema
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from pipelines.connectors.names import VIP_DEAD_LETTERS
from pipelines.connectors.postgres import PostgresAddress, open_connection
from pipelines.connectors.roles import prepare_database
from pipelines.errors import ServiceError
from pipelines.runtime.backoff import pause_after
from pipelines.runtime.vips.actions import VISIT_GAP, Visit, read_action, reason_of, source_of, visits_of

_log = structlog.get_logger(__name__)
QUERY = "keep_vip_visits"
"""Its row in ops.ledger."""
_POLL_MS = 500
_MOST_RECORDS = 5000
_STATEMENT_SECONDS = 10
_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 30.0

_POSITIONS = "select positions, batch_id from ops.ledger where query = %s"
_FIRST = """
insert into ops.ledger (query, query_id, batch_id, positions)
values (%(query)s, %(query)s, %(batch_id)s, %(positions)s)
on conflict do nothing
"""
_NEXT = """
update ops.ledger set batch_id = %(batch_id)s, positions = %(positions)s, committed_at = now()
where query = %(query)s and batch_id = %(batch_id)s - 1
"""
_EXTEND = """
update gold.vip_visits
set first_seen = least(first_seen, %(first_seen)s),
    last_seen = greatest(last_seen, %(last_seen)s),
    pages = pages + %(pages)s,
    name = %(name)s,
    level = %(level)s
where (user_id, first_seen) = (
    select user_id, first_seen
    from gold.vip_visits
    where user_id = %(user_id)s
      and last_seen >= %(first_seen)s - %(gap)s
      and first_seen <= %(last_seen)s + %(gap)s
    order by first_seen desc
    limit 1
)
"""
_BEGIN = """
insert into gold.vip_visits (user_id, first_seen, last_seen, name, level, pages)
values (%(user_id)s, %(first_seen)s, %(last_seen)s, %(name)s, %(level)s, %(pages)s)
"""
_COUNT_DEAD = """
insert into gold.vip_dead_letters (minute, reason, records) values (%s, %s, %s)
on conflict (minute, reason) do update set records = vip_dead_letters.records + excluded.records
"""

Polled = dict[TopicPartition, list[Any]]


class VisitKeeper:
    """Reads the actions in `topic`, written in JSON or in Avro by `schema`, and the dead letters."""

    def __init__(
        self, bootstrap: str, address: PostgresAddress, *, topic: str, schema: dict[str, Any]
    ) -> None:
        self._bootstrap = bootstrap
        self._address = address
        self._topic = topic
        self._schema = parse_schema(schema)
        self._positions: dict[str, dict[str, int]] = {}
        self._batch_id = -1

    def keep(self, stop: threading.Event) -> None:
        """Go on until `stop` is set; after a fault of Kafka or Postgres from where the rows end."""
        failures = 0
        while not stop.is_set():
            try:
                self._follow(stop)
            except (ServiceError, KafkaError, psycopg2.Error) as error:
                failures += 1
                wait = pause_after(failures, first=_FIRST_WAIT_SECONDS, longest=_LONGEST_WAIT_SECONDS)
                _log.warning("vip_visits_not_kept", why=str(error).strip(), again_in_seconds=wait)
                stop.wait(wait)

    def _follow(self, stop: threading.Event) -> None:
        connection = open_connection(self._address, application=QUERY, statement_seconds=_STATEMENT_SECONDS)
        consumer = KafkaConsumer(bootstrap_servers=self._bootstrap, auto_offset_reset="earliest")
        with closing(connection), closing(consumer):
            prepare_database(connection)
            self.resume(connection)
            self._seek(consumer)
            while not stop.is_set():
                polled: Polled = consumer.poll(timeout_ms=_POLL_MS, max_records=_MOST_RECORDS)
                if polled:
                    self.write(connection, polled)

    def resume(self, connection: Connection) -> None:
        """Go on from where the rows in Postgres end."""
        with connection, connection.cursor() as cursor:
            cursor.execute(_POSITIONS, (QUERY,))
            self._positions, self._batch_id = cursor.fetchone() or ({}, -1)

    def _seek(self, consumer: KafkaConsumer) -> None:
        places = [
            TopicPartition(topic, number)
            for topic in (self._topic, VIP_DEAD_LETTERS)
            for number in consumer.partitions_for_topic(topic) or ()
        ]
        consumer.assign(places)
        for place in places:
            known = self._positions.get(place.topic, {}).get(str(place.partition))
            if known is not None:
                consumer.seek(place, known)

    def write(self, connection: Connection, polled: Polled) -> None:
        """Put the records into the tables, with the positions after them. Raises `ServiceError`."""
        positions = {topic: dict(partitions) for topic, partitions in self._positions.items()}
        fresh = [
            (place.topic, record)
            for place, records in polled.items()
            for record in records
            if _advance(positions, place, record)
        ]
        actions = [read_action(record.value, self._schema) for topic, record in fresh if topic == self._topic]
        dead = [record for topic, record in fresh if topic == VIP_DEAD_LETTERS]
        with connection, connection.cursor() as cursor:
            self._commit(cursor, positions)
            _write_visits(cursor, visits_of(action for action in actions if action is not None))
            _count_dead(cursor, dead)
        self._positions, self._batch_id = positions, self._batch_id + 1

    def _commit(self, cursor: Cursor, positions: dict[str, dict[str, int]]) -> None:
        batch_id = self._batch_id + 1
        values = {"query": QUERY, "batch_id": batch_id, "positions": Json(positions)}
        cursor.execute(_NEXT if batch_id else _FIRST, values)
        if cursor.rowcount == 0:
            raise ServiceError(f"another driver has written batch {batch_id} of {QUERY} since.")


def _advance(positions: dict[str, dict[str, int]], place: TopicPartition, record: Any) -> bool:
    """Note that the record was read; whether it is the first copy of its click."""
    positions.setdefault(place.topic, {})[str(place.partition)] = record.offset + 1
    source = source_of(record.headers)
    if source is None:
        return True
    via = positions.setdefault(f"{source.place} by {place.topic}/{place.partition}", {})
    if source.offset < via.get("0", 0):
        return False
    via["0"] = source.offset + 1
    return True


def _write_visits(cursor: Cursor, visits: Iterable[Visit]) -> None:
    for visit in visits:
        values = asdict(visit) | {"gap": VISIT_GAP}
        cursor.execute(_EXTEND, values)
        if cursor.rowcount == 0:
            cursor.execute(_BEGIN, values)


def _count_dead(cursor: Cursor, records: Iterable[Any]) -> None:
    found = Counter(
        (datetime.fromtimestamp(record.timestamp // 60_000 * 60, UTC), reason_of(record.headers))
        for record in records
    )
    for (minute, reason), count in sorted(found.items()):
        cursor.execute(_COUNT_DEAD, (minute, reason, count))
