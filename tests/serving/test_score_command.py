"""`clicklake score` as a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time

import httpx
import pytest

from pipelines.connectors.postgres import connect
from pipelines.connectors.roles import prepare_database
from pipelines.runtime.embedded.passwords import role_passwords

pytestmark = pytest.mark.services
ASKED = {"problem": "checkout_purchase", "visitor_id": "v1", "session_id": "s1"}


@pytest.fixture
def scorer(stack, stack_settings, stack_names):
    """The process, and its address."""
    ports = {name: getattr(stack_settings, name).port for name in ("kafka", "postgres", "mlflow")}
    lines = [f"{name}.port={port}" for name, port in ports.items()]
    with connect(stack.postgres.address()) as connection:
        prepare_database(connection, passwords=role_passwords(stack_settings.postgres, stack_names))
    lines += [f"var_dir={stack_settings.var_dir}", "scorer.http.port=0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs.cli", "score"],
        env={**os.environ, "CLICKLAKE_SET": "\n".join(lines)},
        stderr=subprocess.PIPE,
        text=True,
    )
    state = stack_names.var_dir / "run" / "score.json"
    deadline = time.monotonic() + 60
    try:
        while not state.exists():
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield process, json.loads(state.read_text())["url"]
    finally:
        process.kill()
        process.wait()


def test_decides_by_default_before_the_first_model_and_ends_cleanly(scorer, stack_names):
    process, url = scorer
    with httpx.Client(base_url=url, timeout=30) as caller:
        made = caller.post("v1/decisions", json=ASKED)
        assert (made.status_code, made.json()["action"], made.json()["reason"]) == (200, "nothing", "default")
        assert made.json()["model"] is None
        assert caller.post("v1/decisions", json=ASKED | {"problem": "sale"}).json()["field"] == "problem"
        assert caller.get("v1/features/visitor/v1").json()["entity"] == "visitor"
        assert "clicklake_scorer_decisions_total" in caller.get("metrics").text
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert not (stack_names.var_dir / "run" / "score.json").exists()
