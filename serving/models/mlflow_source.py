"""Registered models as MLflow has them."""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository

from pipelines.contracts import model_registry as tags
from pipelines.contracts.registered_model import ENTERED, RegisteredModel
from pipelines.errors import ModelError, ServiceError
from serving.models.mlflow_answers import OneVersion, RegisteredPage, VersionPage
from serving.models.mlflow_requests import NotThere, get
from serving.models.source import Outline, readable

_ANSWER_SECONDS, _FILE_SECONDS = 4.0, 30.0
_ANSWER_BYTES = 16 << 20
_PREFIX = tags.registered_name("")
_MOST_ENTRANTS = 20

_T = TypeVar("_T")


class MlflowSource:
    """A `ModelSource` by the address of a tracking server."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def outlines(self) -> Mapping[str, Outline]:
        """One request, as long as there are not hundreds of problems."""
        found: dict[str, Outline] = {}
        token = ""
        while True:
            asked = {"filter": f"name LIKE '{_PREFIX}%'", "max_results": 100, "page_token": token}
            page = self._ask("registered-models/search", asked, RegisteredPage)
            for one in page.registered_models:
                aliases = {alias.alias: alias.version for alias in one.aliases}
                found[one.name.removeprefix(_PREFIX)] = Outline(aliases, one.last_updated_timestamp)
            token = page.next_page_token
            if not token:
                return found

    def versions(self, problem: str, outline: Outline) -> Sequence[RegisteredModel]:
        """Not all of them: there are thousands after some months of contests."""
        name = tags.registered_name(problem)
        entered = {
            "filter": f"name = '{name}' and tags.{tags.SOURCE} = '{ENTERED}'",
            "max_results": _MOST_ENTRANTS,
            "order_by": "version_number DESC",
        }
        entrants = self._ask("model-versions/search", entered, VersionPage).model_versions
        found = {int(one.version): one for one in entrants}
        for number in set(outline.aliases.values()) - set(found):
            with suppress(NotThere):  # deleted since the outline was read
                asked = {"name": name, "version": str(number)}
                found[number] = self._ask("model-versions/get", asked, OneVersion).model_version
        return readable(problem, found.values(), outline)

    def files(self, model: RegisteredModel, *, limit_bytes: int) -> tuple[bytes, bytes]:
        """From the server where it gives them itself, else from the store that it names."""
        graph = self._file(model, tags.MODEL_FILE, limit_bytes)
        return graph, self._file(model, tags.FEATURES_FILE, limit_bytes)

    def _file(self, model: RegisteredModel, file: str, limit_bytes: int) -> bytes:
        purpose = f"give {file} of {model.problem} v{model.version}"
        if not model.folder.startswith("mlflow-artifacts:"):
            return _stored(self._uri, model.folder, file, purpose, limit_bytes=limit_bytes)
        folder = MlflowArtifactsRepository.resolve_uri(model.folder, self._uri)
        try:
            return get(folder, f"/{file}", purpose, limit_bytes=limit_bytes, limit_seconds=_FILE_SECONDS)
        except NotThere as error:
            raise ModelError(str(error)) from error

    def _ask(self, what: str, asked: Mapping[str, Any], kind: type[_T]) -> _T:
        answer = get(
            self._uri,
            f"/api/2.0/mlflow/{what}",
            f"answer {what}",
            limit_bytes=_ANSWER_BYTES,
            limit_seconds=_ANSWER_SECONDS,
            params=asked,
        )
        try:
            return msgspec.json.decode(answer, type=kind, strict=False)
        except msgspec.DecodeError as error:
            raise ServiceError(f"MLflow at {self._uri} gave no answer to {what} ({error}).") from error


def _stored(uri: str, folder: str, file: str, purpose: str, *, limit_bytes: int) -> bytes:
    """From a store of its own, by that store's client and limits."""
    try:
        with tempfile.TemporaryDirectory() as own:
            path = Path(get_artifact_repository(folder, tracking_uri=uri).download_artifacts(file, own))
            if path.stat().st_size <= limit_bytes:
                return path.read_bytes()
    except Exception as error:  # each kind of store raises its own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        raise ServiceError(f"{folder} could not {purpose}: {reason}.") from error
    raise ModelError(f"{folder} could not {purpose}: it is larger than {limit_bytes / (1 << 20):g} MiB.")
