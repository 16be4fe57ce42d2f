"""`clicklake simulate` as a user calls it: a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from pipelines.connectors.kafka import end_offsets
from pipelines.runtime.embedded import Endpoints
from pipelines.settings import Settings

_START = "2026-01-31T12:00:00Z"


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "jobs.cli", "simulate", *arguments]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(_command(*arguments), capture_output=True, text=True, check=False, timeout=120)


def _lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_file_and_truth_are_reproducible_and_agree_with_the_report(tmp_path: Path) -> None:
    limits = ("--speed", "max", "--events", "4000", "--start", _START, "--seed", "3", "--avro-share", "0.1")
    done = [
        _run(
            *limits, "--out", str(tmp_path / f"{n}.jsonl"), "--truth", str(tmp_path / f"{n}.truth"), "--json"
        )
        for n in range(2)
    ]
    assert [run.returncode for run in done] == [0, 0], done[0].stderr
    assert (tmp_path / "0.jsonl").read_bytes() == (tmp_path / "1.jsonl").read_bytes()
    assert (tmp_path / "0.truth").read_bytes() == (tmp_path / "1.truth").read_bytes()
    report = json.loads(done[0].stdout.splitlines()[-1])
    sent = Counter(line["topic"] for line in _lines(tmp_path / "0.jsonl"))
    assert report["acked"] == report["sent_by_topic"] == dict(sent)
    assert sent["clicks"] + sent["orders"] == 4000
    assert all("clicklake-known-at" in str(line["headers"]) for line in _lines(tmp_path / "0.jsonl"))
    truth = _lines(tmp_path / "0.truth")
    assert {row["kind"] for row in truth} == {"record", "checkout", "order", "impression"}
    fates = Counter(row["fate"] for row in truth if row["kind"] == "record")
    assert fates == {name: report["sent_by_fate"][name] for name in ("late", "duplicate", "broken")}
    orders = [row for row in truth if row["kind"] == "order"]
    assert sum(report["truth"]["orders_by_first_source"].values()) == len(orders) > 10


def test_at_speed_1_events_happen_at_the_wall_clock(tmp_path: Path) -> None:
    before = time.time()
    done = _run("--rate", "50", "--duration", "3", "--out", str(tmp_path / "o.jsonl"), "--json")
    report = json.loads(done.stdout)
    clicks = [
        json.loads(x["value"]) for x in _lines(tmp_path / "o.jsonl") if x["topic"] == "clicks" and _whole(x)
    ]
    times = [c["occurred_at"] / 1000 for c in clicks if isinstance(c.get("occurred_at"), int)]
    recent = [at for at in times if at > 1_700_000_000 and at < 10_000_000_000]
    assert 3.0 <= report["elapsed_seconds"] < 4
    assert not any("headers" in line for line in _lines(tmp_path / "o.jsonl") if _whole(line))
    assert len(recent) > 3
    assert min(recent) >= before
    assert max(recent) <= time.time()


def _whole(line: dict) -> bool:
    try:
        return isinstance(json.loads(line.get("value") or ""), dict)
    except ValueError:
        return False


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--rate", "0"), "rate"),
        (("--speed", "max"), "--duration or --events"),
        (("--speed", "fast"), "--speed fast"),
        (("--start", "soon"), "--start soon"),
        (("--avro-share", "2"), "avro_share"),
        (("--out", "/nowhere/at/all.jsonl", "--events", "5"), "/nowhere/at/all.jsonl"),
    ],
)
def test_arguments_without_sense_are_refused_in_one_sentence(arguments: tuple[str, ...], named: str) -> None:
    done = _run(*arguments)
    assert done.returncode == 2
    assert named in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.services
def test_kafka_holds_exactly_what_the_report_says(stack: Endpoints, stack_settings: Settings) -> None:
    before = end_offsets(stack.kafka, _topics(stack))
    done = subprocess.run(
        _command("--rate", "300", "--duration", "5", "--avro-share", "0.1", "--json"),
        env=_environment(stack, stack_settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["acked"] == report["sent_by_topic"] == _growth(stack, before)
    assert report["failed"] == {}
    assert report["records_per_second"] > 300
    assert not report["fell_behind"]


@pytest.mark.services
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_with_everything_counted(
    stack: Endpoints, stack_settings: Settings, number: signal.Signals
) -> None:
    before = end_offsets(stack.kafka, _topics(stack))
    process = subprocess.Popen(
        _command("--rate", "200", "--json"),
        env=_environment(stack, stack_settings),
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while _growth(stack, before).get("clicks", 0) < 100 and time.monotonic() < deadline:
        time.sleep(0.2)
    process.send_signal(number)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    report = json.loads(output.splitlines()[-1])
    assert report["ended"] == "stopped"
    assert report["acked"] == report["sent_by_topic"] == _growth(stack, before)


def _topics(stack: Endpoints) -> list[str]:
    return ["clicks", "orders", "users", "products", "offers"]


def _growth(stack: Endpoints, before: dict[tuple[str, int], int]) -> dict[str, int]:
    grown: Counter[str] = Counter()
    for place, offset in end_offsets(stack.kafka, _topics(stack)).items():
        grown[place[0]] += offset - before.get(place, 0)
    return {topic: count for topic, count in grown.items() if count}


def _environment(stack: Endpoints, settings: Settings) -> dict[str, str]:
    overrides = [f"var_dir={settings.var_dir}", f"kafka.bootstrap={stack.kafka}"]
    return {**os.environ, "CLICKLAKE_SET": "\n".join(overrides)}
