"""Logs go to the stderr of the moment, in the form that was asked for."""

import io
import json

import pytest
import structlog

from pipelines.runtime.logs import configure_logs
from pipelines.settings.tree import Log


@pytest.fixture(autouse=True)
def restored():
    yield
    structlog.reset_defaults()


def written(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    return stream


def test_json_is_one_object_a_line(monkeypatch):
    stream = written(monkeypatch)
    configure_logs(Log(level="info", format="json"))
    structlog.get_logger("x").info("batch_done", rows=3)
    line = json.loads(stream.getvalue())
    assert (line["event"], line["rows"], line["level"]) == ("batch_done", 3, "info")
    assert line["timestamp"].endswith("Z")


def test_below_the_level_nothing_is_written(monkeypatch):
    stream = written(monkeypatch)
    configure_logs(Log(level="warning", format="console"))
    structlog.get_logger("x").info("quiet")
    assert stream.getvalue() == ""


def test_a_logger_survives_the_stream_it_began_with(monkeypatch):
    first = written(monkeypatch)
    configure_logs(Log(level="info", format="json"))
    logger = structlog.get_logger("x")
    logger.info("one")
    first.close()
    second = written(monkeypatch)
    logger.info("two")
    assert json.loads(second.getvalue())["event"] == "two"
