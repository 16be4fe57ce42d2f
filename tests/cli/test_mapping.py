"""`clicklake mapping` and `clicklake replay` as a user meets them."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition

from jobs.cli.main import main
from pipelines.contracts.parsing import RawRecord, Reject, parse_record
from pipelines.contracts.topics import all_topics
from pipelines.runtime.embedded import Endpoints
from pipelines.settings import Settings

DATA = Path(__file__).parents[1] / "data" / "mappings"
REES46 = DATA / "rees46.csv"


@pytest.fixture
def clicklake(monkeypatch, capsys, tmp_path):
    """Runs one command line in this process; exit code, standard output, standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(
            sys, "argv", ["clicklake", "--set", f"var_dir={tmp_path}/var", *map(str, arguments)]
        )
        with pytest.raises(SystemExit) as ended:
            main()
        return (ended.value.code, *capsys.readouterr())

    return run


def test_list_and_show(clicklake):
    code, out, _ = clicklake("mapping", "list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == sorted(
        p.name.split(".")[0] for p in DATA.glob("*.expected.jsonl")
    )
    code, out, _ = clicklake("mapping", "show", "template")
    assert out.startswith("-- @about A commented start")


def test_check_shows_rows_and_what_would_be_rejected_and_why(clicklake, tmp_path):
    copy = tmp_path / "day.csv"
    copy.write_text(REES46.read_text() + "2019-10-01 00:05:00 UTC,view,cut off\n")
    code, out, _ = clicklake("mapping", "check", copy, "--mapping", "rees46", "--rows", "2")
    assert code == 0
    assert '"price_minor": 3579' in out
    assert out.count("row      ") == 2
    assert "5 rows, 1 lines no row" in out
    assert "cut off (Expected Number of Columns: 9 Found: 3)" in out
    assert "1 clicks bad_time in occurred_at: not an ISO 8601 time and not epoch milliseconds" in out
    assert "row 5: 'yesterday'" in out


def test_check_as_json(clicklake):
    code, out, _ = clicklake("mapping", "check", REES46, "--mapping", "rees46", "--json", "--shift-to", "now")
    found = json.loads(out)
    assert code == 0
    assert (found["input_rows"], found["rejected_lines"], found["unmapped_rows"]) == (5, 0, 0)
    assert found["records"] == {"clicks": 4, "orders": 1}
    assert found["valid"] == {"clicks": 3, "orders": 1}
    assert [(r["reason"], r["count"]) for r in found["rejects"]] == [("bad_time", 1)]
    assert found["last"] > "2026"


def test_check_tells_rows_that_no_select_takes(clicklake, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("User_ID,Click_time\n7,2024-01-01T00:00:00\n")
    _, out, _ = clicklake("mapping", "check", path, "--mapping", "attribution")
    assert "1 rows are taken by no select" in out
    assert '"user_id":"7"' in out


@pytest.mark.parametrize("command", [["mapping", "check"], ["replay"]])
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (None, "there is no such file"),
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "is a binary file"),
    ],
)
def test_unusable_files_are_one_sentence_before_anything_starts(clicklake, tmp_path, command, make, says):
    path = tmp_path / "data.csv"
    if make is not None:
        path.write_bytes(make)
    code, out, err = clicklake(*command, path, "--mapping", "rees46")
    assert (code, out) == (2, "")
    assert err.startswith("clicklake: ")
    assert says in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--mapping", "rees"], "did you mean `rees46`?"),
        (["--mapping", "rees46", "--speed", "0"], "--speed 0: give a number above 0"),
        (["--mapping", "rees46", "--shift-to", "noon"], "--shift-to noon"),
        (["--mapping", "rees46", "--broken-share", "1"], "below 1"),
    ],
)
def test_mistaken_arguments_of_replay(clicklake, arguments, says):
    code, _, err = clicklake("replay", REES46, *arguments)
    assert code == 2
    assert says in err


def test_replay_without_kafka_says_so(clicklake):
    code, _, err = clicklake("replay", REES46, "--mapping", "rees46")
    assert code == 1
    assert "kafka is not running: start it with `clicklake up`" in err


@pytest.mark.services
def test_replay_sends_every_record_and_the_broker_takes_them(
    stack: Endpoints, stack_settings: Settings, tmp_path
):
    path = tmp_path / "day.csv.gz"
    text = REES46.read_text().replace(",3,s", ",replayed-3,s") + "2019-10-01 00:05:00 UTC,view,cut off\n"
    path.write_bytes(gzip.compress(text.encode()))
    arguments = ["--set", f"var_dir={stack_settings.var_dir}", "replay", path, "--mapping", "rees46"]
    before = {topic: _records(stack.kafka, topic) for topic in ("clicks", "orders")}
    done = subprocess.run(
        [sys.executable, "-m", "jobs.cli", *arguments, "--shift-to", "now", "--speed", "1000", "--json"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
    )
    report = json.loads(done.stdout.splitlines()[-1])
    assert (report["input_rows"], report["rejected_lines"], report["ended"]) == (5, 1, "exhausted")
    assert report["sent_by_topic"] == report["acked"] == {"clicks": 4, "orders": 1}
    outcomes = []
    for topic, earlier in before.items():
        for one in _records(stack.kafka, topic)[len(earlier) :]:
            raw = RawRecord(one.key, one.value, one.headers, one.timestamp * 1000)
            outcomes.append(parse_record(raw, all_topics()[topic]))
    assert [o.reason for o in outcomes if isinstance(o, Reject)] == ["bad_time"]
    ages = sorted(
        (o[0]["known_at"] - o[0]["occurred_at"]) / 1e6 for o in outcomes if not isinstance(o, Reject)
    )
    assert len(ages) == 4
    assert 0 <= ages[0] < 60
    assert ages[-1] - ages[0] == pytest.approx(277, abs=5)


def _records(bootstrap: str, topic: str) -> list:
    """All records of a topic, by partition and offset."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    try:
        places = [TopicPartition(topic, n) for n in sorted(consumer.partitions_for_topic(topic) or ())]
        if not places:
            return []
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends = consumer.end_offsets(places)
        found: list = []
        while any(consumer.position(place) < ends[place] for place in places):
            for batch in consumer.poll(timeout_ms=500).values():
                found += batch
        return sorted(found, key=lambda one: one.timestamp)
    finally:
        consumer.close()
