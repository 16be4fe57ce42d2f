"""The embedded MLflow server: its web application under one uvicorn process, sqlite, files served.

`mlflow server` imports MLflow twice, once to read its options and once in a child that serves. The
application is therefore started directly, with the settings that `mlflow server` would hand to its
child in the environment: 3 s to ready instead of 6, and one process instead of two. The names of
those settings belong to the MLflow release that the lock pins; a test with the real server holds them.
"""

import http.client
import os
import signal
import sys
from pathlib import Path
from urllib.parse import urlsplit

from pipelines.connectors.names import Names
from pipelines.errors import ServiceError
from pipelines.runtime.embedded import ports
from pipelines.runtime.embedded.progress import Progress
from pipelines.runtime.embedded.service import Launch
from pipelines.settings.tree import Mlflow

_APPLICATION = "mlflow.server.fastapi_app:app"
_FIRST_EXPERIMENT = "/api/2.0/mlflow/experiments/get?experiment_id=0"


class EmbeddedMlflow:
    """A `Service`. Database and artifacts in `services/mlflow`."""

    name = "mlflow"
    stop_signal = signal.SIGTERM
    limit_seconds = 120.0

    def __init__(self, *, settings: Mlflow, names: Names) -> None:
        self._folder = names.services / "mlflow"
        self.usual_port = settings.port
        self.log = names.logs / "mlflow.log"
        self.mark = str(names.services / self.name)

    def prepare(self, *, progress: Progress) -> None:  # noqa: ARG002 - of the protocol
        """Make its folder; the server itself creates and migrates its database."""
        (self._folder / "artifacts").mkdir(parents=True, exist_ok=True)

    def launch(self, port: int) -> Launch:
        """One uvicorn process without access log."""
        options = [
            "--host",
            ports.LOCALHOST,
            "--port",
            str(port),
            "--no-access-log",
            "--log-level",
            "warning",
        ]
        return Launch(
            [sys.executable, "-W", "ignore", "-m", "uvicorn", _APPLICATION, *options],
            environment=self._environment(),
        )

    def answers(self, port: int) -> bool:
        """Whether the server answers from its database, which the first such question creates."""
        return _get(f"http://{ports.LOCALHOST}:{port}", _FIRST_EXPERIMENT, timeout_seconds=60.0) is not None

    def _environment(self) -> dict[str, str]:
        foreign = ("MLFLOW_", "_MLFLOW_", "UVICORN_", "WEB_CONCURRENCY")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
        return {
            **kept,
            "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{self._folder}/mlflow.db",
            "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
            "_MLFLOW_SERVER_ARTIFACT_DESTINATION": Path(self._folder, "artifacts").as_uri(),
            "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
            "_MLFLOW_SGI_NAME": "uvicorn",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }


def server_answers(tracking_uri: str, *, timeout_seconds: float) -> bool:
    """Whether the tracking server's health endpoint says so."""
    return _get(tracking_uri, "/health", timeout_seconds=timeout_seconds) is not None


def server_version(tracking_uri: str) -> str:
    """The release of a tracking server. Raises `ServiceError` when it does not answer."""
    version = _get(tracking_uri, "/version", timeout_seconds=10.0)
    if version is None:
        raise ServiceError(f"MLflow at {tracking_uri} does not answer: check mlflow.tracking_uri.")
    return version.strip()


def _get(base: str, path: str, *, timeout_seconds: float) -> str | None:
    """The body of a successful answer. Asked directly: a proxy of the environment is for other hosts."""
    parts = urlsplit(base)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout_seconds)
    try:
        connection.request("GET", parts.path.rstrip("/") + path)
        answer = connection.getresponse()
        body = answer.read().decode(errors="replace")
        return body if answer.status == http.client.OK else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
