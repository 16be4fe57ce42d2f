"""`clicklake serve` as a process of its own."""

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
from serving.server import listen

pytestmark = pytest.mark.services


def test_serves_on_a_free_port_when_its_own_is_held_and_ends_cleanly(stack, stack_settings, stack_names):
    holder = listen(host="127.0.0.1", port=0)
    held = holder.getsockname()[1]
    ports = {name: getattr(stack_settings, name).port for name in ("kafka", "postgres", "mlflow")}
    lines = [f"{name}.port={port}" for name, port in ports.items()]
    with connect(stack.postgres.address()) as connection:
        prepare_database(connection, passwords=role_passwords(stack_settings.postgres, stack_names))
    lines += [f"var_dir={stack_settings.var_dir}", f"http.port={held}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs.cli", "serve"],
        env={**os.environ, "CLICKLAKE_SET": "\n".join(lines)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        state = stack_names.var_dir / "run" / "serve.json"
        deadline = time.monotonic() + 30
        while not state.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        found = json.loads(state.read_text())
        assert found["pid"] == process.pid
        assert httpx.get(f"{found['url']}ready", timeout=15).json() == {"ready": True}
        assert httpx.get(f"{found['url']}v1/panels", timeout=15).status_code == 200
        assert who_reads_panels(stack.postgres.address()) == {"clicklake_dashboard"}
        with httpx.stream("GET", f"{found['url']}v1/live", timeout=10) as live:
            assert next(live.iter_lines()) == "retry: 1000"
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=15)
    finally:
        process.kill()
        holder.close()
    assert process.returncode == 0
    assert f"Port {held} (http.port) is held by another program" in said
    assert found["url"] in said
    assert "Traceback" not in said
    assert not state.exists()


def who_reads_panels(owner) -> set[str]:
    with connect(owner) as connection, connection, connection.cursor() as cursor:
        cursor.execute("select usename from pg_stat_activity where application_name = 'clicklake-dashboards'")
        return {user for (user,) in cursor}
