"""Polling a real Postgres database into a real topic."""

import json
import threading
import uuid
from contextlib import closing
from dataclasses import replace

import pytest

from jobs.entry import run_job
from jobs.poll_tables import run
from pipelines.connectors.kafka import TopicPlan, end_offsets, ensure_topics
from pipelines.connectors.kafka_reader import records_between
from pipelines.connectors.polled_query import PollError, json_rows
from pipelines.connectors.postgres import PostgresAddress, connect
from pipelines.contracts.parsing import RawRecord, parse_record
from pipelines.contracts.topics import all_topics
from pipelines.runtime.embedded import Endpoints
from pipelines.runtime.embedded.ports import choose
from pipelines.runtime.polling.run import Poller
from pipelines.runtime.polling.table import PolledTable
from pipelines.settings import Settings, load_settings

pytestmark = pytest.mark.services
OFFERS = all_topics()["offers"]
_LIMIT = 8 * 1024 * 1024
_NOW = 4_000_000_000_000_000
TABLE = """
create table promotions (
    id uuid, title text, budget numeric(10, 2), starts date, ends timestamptz, badge bytea,
    tags text[], extra jsonb, share double precision
)
"""
QUERY = """
select id as offer_id, title as campaign, budget * 100 as budget_minor, starts as starts_at,
    ends as ends_at, badge, tags, extra, share
from promotions order by id -- as marketing has them
"""


def execute(address: PostgresAddress, sql: str, *values: object) -> None:
    with connect(address) as connection, connection, connection.cursor() as cursor:
        cursor.execute(sql, values)


def settings_for(
    stack: Endpoints, address: PostgresAddress, folder, query: str, topic="offers", **further
) -> Settings:
    poll = json.dumps([{"topic": topic, "query": query} | further])
    return load_settings(
        overrides=[
            f"var_dir={folder}",
            f"kafka.bootstrap={stack.kafka}",
            "postgres.host=127.0.0.1",
            "postgres.password=x",
            "mlflow.tracking_uri=http://127.0.0.1:1",
            f"polled_postgres.host={address.host}",
            f"polled_postgres.port={address.port}",
            f"polled_postgres.database={address.database}",
            f"polled_postgres.user={address.user}",
            f"polled_postgres.password={address.password}",
            f"polls={poll}",
        ]
    )


def test_rows_become_versions_and_vanished_rows_tombstones(
    stack: Endpoints, database: PostgresAddress, tmp_path, capsys
):
    settings = settings_for(stack, database, tmp_path, QUERY)
    execute(database, TABLE)
    ids = sorted(str(uuid.uuid4()) for _ in range(1_500))
    execute(
        database,
        "insert into promotions (id, title, budget) select one::uuid, 'plain', 1 from unnest(%s) one",
        ids[2:],
    )
    row = "insert into promotions values (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
    execute(
        database,
        row,
        *(ids[0], 'ä "x" \\ 50 %', "19.90", "2026-03-01", "2026-03-02 01:00+01", b"a\xff"),
        *(["x", None], '{"deep": [1.0]}', 0.1),
    )
    execute(database, row, ids[1], "never", None, "infinity", None, None, None, None, None)
    execute(database, row, None, "no key", None, None, None, None, None, None, None)

    def poll() -> dict:
        assert run_job(run, ["--once"], settings=settings) == 0
        return json.loads(capsys.readouterr().out)

    ensure_topics(stack.kafka, [TopicPlan("offers", compacted=True)], partitions=4, max_message_bytes=_LIMIT)
    before = end_offsets(stack.kafka, ["offers"])
    first = poll()
    assert {name: first[name] for name in ("rows", "sent", "without_key", "broken", "deleted")} == {
        "rows": 1_501,
        "sent": 1_500,
        "without_key": 1,
        "broken": 1,
        "deleted": 0,
    }
    read = {r.key: r for r in records_between(stack.kafka, before, end_offsets(stack.kafka, ["offers"]))}
    assert set(read) == {one.encode() for one in ids}
    (version,) = silver(read[ids[0].encode()])
    assert (version["offer_id"], version["campaign"]) == (ids[0], 'ä "x" \\ 50 %')
    assert (version["budget_minor"], version["ends_at"] - version["starts_at"]) == (1990, 86_400_000_000)
    assert json.loads(version["properties"]) == {
        "badge": "\\x61ff",
        "tags": ["x", None],
        "extra": {"deep": [1.0]},
        "share": 0.1,
    }
    assert silver(read[ids[1].encode()]).reason == "bad_time"

    assert poll()["sent"] == 0
    execute(database, "update promotions set budget = 20 where id = %s", ids[0])
    execute(database, "delete from promotions where id = %s", ids[1])
    middle = end_offsets(stack.kafka, ["offers"])
    second = poll()
    assert (second["sent"], second["deleted"], second["unchanged"]) == (1, 1, 1_498)
    changed = list(records_between(stack.kafka, middle, end_offsets(stack.kafka, ["offers"])))
    assert {r.key: r.value is None for r in changed} == {ids[0].encode(): False, ids[1].encode(): True}

    execute(database, "delete from promotions")
    assert poll()["deleted"] == 1_499


def silver(record):
    return parse_record(RawRecord(record.key, record.value, record.headers, _NOW), OFFERS)


@pytest.mark.parametrize(
    ("query", "further", "sentence"),
    [
        ("selec 1", {}, 'polls: offers: Postgres does not take the query: syntax error at or near "selec"'),
        ("select 1 as id", {}, "no column `offer_id`, only id: name the key so, such as `id as offer_id`"),
        ("select 1 as offer_id, 2 as x, 3 as x", {}, "column `x` twice"),
        ("delete from pg_class returning 1 as offer_id", {}, "does not take the query"),
        ("select * from nowhere", {}, 'relation "nowhere" does not exist'),
        ("select 1 as user_id", {"topic": "clicks"}, "keeps events"),
    ],
)
def test_what_is_wrong_at_the_start_is_one_sentence_and_exit_2(
    stack: Endpoints, database: PostgresAddress, tmp_path, capsys, query, further, sentence
):
    settings = settings_for(stack, database, tmp_path, query, **further)
    assert run_job(run, ["--once"], settings=settings) == 2
    told = capsys.readouterr()
    assert sentence in told.err
    assert (told.err.count("\n"), told.out) == (1, "")


def test_a_database_that_is_not_there_is_told_at_the_start(
    stack: Endpoints, database: PostgresAddress, tmp_path, capsys
):
    away = replace(database, port=choose(preferred=()))
    settings = settings_for(stack, away, tmp_path, "select 1 as offer_id")
    assert run_job(run, [], settings=settings) == 2
    assert f"127.0.0.1:{away.port}" in capsys.readouterr().err


def test_a_poll_that_fails_midway_deletes_nothing_and_the_next_goes_on(
    stack: Endpoints, database: PostgresAddress
):
    topic = replace(OFFERS, name=f"offers-{uuid.uuid4().hex}")
    ensure_topics(
        stack.kafka, [TopicPlan(topic.name, compacted=True)], partitions=2, max_message_bytes=_LIMIT
    )
    rows = "from generate_series(1, 3000) n"
    good = PolledTable(topic, f"select n as offer_id {rows};", 60, deletes=True)
    failing = replace(good, query=f"select n + 10000 as offer_id, 1 / (2500 - n) as x {rows}")
    with closing(Poller(database, stack.kafka, max_message_bytes=_LIMIT)) as poller:
        assert poller.poll(good, threading.Event()).sent == 3_000
    with closing(Poller(database, stack.kafka, max_message_bytes=_LIMIT)) as poller:
        with pytest.raises(PollError, match="division by zero"):
            poller.poll(failing, threading.Event())
        sent = poller.poll(replace(good, query="select 1 as offer_id"), threading.Event())
        assert (sent.unchanged, sent.sent) == (1, 0)
    read = list(records_between(stack.kafka, {}, end_offsets(stack.kafka, [topic.name])))
    assert sum(record.value is None for record in read) == sent.deleted >= 2_999


def test_a_query_can_neither_write_nor_take_for_ever(database: PostgresAddress):
    execute(database, "create sequence numbers")
    with pytest.raises(PollError, match="read-only"):
        list(json_rows(database, "select nextval('numbers') as x", statement_seconds=5))
    with pytest.raises(PollError, match="statement timeout"):
        list(json_rows(database, "select pg_sleep(20)::text as x", statement_seconds=1))
