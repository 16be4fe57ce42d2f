"""The tracking server as this package uses it: one client, artefacts by address, failures in a sentence."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException, RestException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from pipelines.errors import ServiceError


class Server:
    """An MLflow tracking server by its address (or `sqlite:///…`), never by MLflow's global state."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.client = MlflowClient(tracking_uri=uri, registry_uri=uri)

    @contextmanager
    def answering(self, purpose: str) -> Iterator[MlflowClient]:
        """The client; what goes wrong meanwhile is a `ServiceError` that says for what it was asked."""
        try:
            yield self.client
        except RestException as error:
            raise ServiceError(f"MLflow at {self.uri} refused to {purpose}: {error.message}") from error
        except (MlflowException, requests.RequestException, OSError) as error:
            raise ServiceError(
                f"MLflow at {self.uri} could not {purpose}: {_reason(error)}. The champion stays as it is; "
                "see `clicklake status`."
            ) from error

    def read(self, folder: str, file: str) -> bytes:
        """An artefact's bytes."""
        with tempfile.TemporaryDirectory() as own:
            return Path(self._artefacts(folder).download_artifacts(file, own)).read_bytes()

    def delete(self, folder: str, file: str) -> None:
        """Delete an artefact; one that is gone already is no fault."""
        self._artefacts(folder).delete_artifacts(file)

    def _artefacts(self, folder: str) -> Any:
        return get_artifact_repository(folder, tracking_uri=self.uri)


def _reason(error: Exception) -> str:
    """Its first line; what the client says of a lost connection is for those who look for its cause."""
    if "Max retries exceeded" in str(error) or isinstance(error, requests.ConnectionError | requests.Timeout):
        return "it does not answer"
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300].rstrip(".")
