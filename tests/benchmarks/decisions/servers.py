"""The servers that are compared, each a process of its own, and the load upon them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from pipelines.connectors.postgres import PostgresAddress
from pipelines.runtime.embedded.ports import choose
from tests.benchmarks.ingest import Bench, tell

_START_SECONDS = 120
_ONE_THREAD = {"OMP_NUM_THREADS": "1"}


@contextmanager
def started(command: Sequence[str], ready: str, *, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process, once it answers at `ready`."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **_ONE_THREAD})
        try:
            _await(process, ready, log)
            yield process
        finally:
            process.terminate()
            process.wait(30)


def _await(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"it ended: {log.read_text()[-2_000:]}")
        try:
            with urlopen(url, timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise TimeoutError(f"{url} does not answer")


@contextmanager
def scorer(bench: Bench, *, port: int) -> Iterator[str]:
    """clicklake's, as one starts it; the address of its decisions."""
    command = bench.command("--set", f"scorer.http.port={port}", "score")
    root = f"http://127.0.0.1:{port}/"
    with started(command, f"{root}ready", log=bench.names.var_dir / "score.log"):
        yield f"{root}v1/decisions"


@contextmanager
def plain_service(bench: Bench, graph: Path, store: PostgresAddress, *, features: int) -> Iterator[str]:
    """FastAPI, a SELECT and ONNX Runtime."""
    port = choose(preferred=())
    dsn = (
        f"host={store.host} port={store.port} dbname={store.database} "
        f"user={store.user} password={store.password}"
    )
    command = [
        sys.executable, "-m", "tests.benchmarks.decisions.plain_service", str(graph), dsn,
        "--features", str(features), "--port", str(port),
    ]  # fmt: skip
    with started(command, f"http://127.0.0.1:{port}/docs", log=bench.names.var_dir / "plain.log"):
        yield f"http://127.0.0.1:{port}/decisions"


@contextmanager
def mlflow_serve(bench: Bench, model: Path) -> Iterator[str]:
    """What MLflow itself offers: `mlflow models serve`, of the same graph."""
    port = choose(preferred=())
    command = [
        sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(model),
        "--env-manager", "local", "--port", str(port),
    ]  # fmt: skip
    with started(command, f"http://127.0.0.1:{port}/ping", log=bench.names.var_dir / "mlflow_serve.log"):
        yield f"http://127.0.0.1:{port}/invocations"


def load(
    url: str, bodies: Path, *, seconds: float, rate: float | None = None, nice: int = 0
) -> Mapping[str, float]:
    """What `tests.benchmarks.decisions.load` measures of a server."""
    process = loading(url, bodies, seconds=seconds, rate=rate, nice=nice)
    out, _ = process.communicate()
    found: dict[str, float] = json.loads(out.splitlines()[-1])
    tell(f"{url}: {found}")
    return found


def loading(
    url: str, bodies: Path, *, seconds: float, rate: float | None = None, nice: int = 0
) -> subprocess.Popen[bytes]:
    """The same, begun."""
    paced = [] if rate is None else ["--rate", str(rate)]
    command = [
        "nice", "-n", str(nice), sys.executable, "-m", "tests.benchmarks.decisions.load", url, str(bodies),
        "--seconds", str(seconds), *paced,
    ]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.PIPE)
