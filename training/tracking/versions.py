"""New versions of registered models: the graph as it is, its features, its signature, its tags."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec

from pipelines.connectors.onnx_model import ModelFile
from pipelines.contracts import model_registry as tags
from pipelines.gold.problem_features import set_versions
from pipelines.gold.problems.problem import Problem

_EXISTS = "RESOURCE_ALREADY_EXISTS"
_LONGEST = 5_000
"""Characters of a description that MLflow's databases hold; the whole card is a file of the run."""


@dataclass(frozen=True)
class NewVersion:
    """A model that is to be a version of a problem's registered model.

    `average_precision`: value, low and high on validation data, None for a model not yet judged. `card`:
    Markdown. `contest`: id of the run of the contest that it comes from.
    """

    problem: Problem
    name: str
    source: str
    file: ModelFile
    threshold: float
    card: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    average_precision: Mapping[str, Any] | None = None
    contest: str | None = None

    @property
    def tags(self) -> dict[str, str]:
        """What the registry keeps of it beside the files."""
        found = {
            tags.NAME: self.name,
            tags.SOURCE: self.source,
            tags.SHA256: self.file.sha256,
            tags.FEATURES_SHA256: sha256(features_file(self.file)).hexdigest(),
            tags.THRESHOLD: repr(self.threshold),
            tags.PROBLEM_VERSION: str(self.problem.version),
            tags.SET_VERSIONS: json.dumps(set_versions(self.problem, self.file.features)),
        }
        if self.average_precision is not None:
            found[tags.AVERAGE_PRECISION] = json.dumps(dict(self.average_precision))
        if self.contest is not None:
            found |= {tags.CONTEST: self.contest, tags.NEWEST_CONTEST: self.contest}
        return found


def features_file(file: ModelFile) -> bytes:
    """The features as they are stored beside the graph."""
    return json.dumps(list(file.features)).encode()


def register(client: MlflowClient, new: NewVersion, *, experiment: str, run: str) -> tuple[int, str]:
    """The number of the new version, and the id by which metrics name the model.

    The bytes are stored as they are, so that their hash stays what it was judged under. `mlflow.onnx` would
    write the graph anew, and takes 0.2 to 0.8 s where this takes 0.15.
    """
    parameters = {key: str(value) for key, value in new.parameters.items()}
    model = client.create_logged_model(
        experiment, name=new.name, source_run_id=run, params=parameters, model_type=new.source
    )
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), new.file, run=run, model_id=model.model_id)
        client.log_model_artifacts(model.model_id, folder)
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(run, [LoggedModelOutput(model.model_id, 0)])
    name = _registered(client, new.problem)
    version = client.create_model_version(
        name,
        source=model.artifact_location,
        run_id=run,
        model_id=model.model_id,
        tags=new.tags,
        description=_short(new.card),
        await_creation_for=0,
    )
    return int(version.version), model.model_id


def _short(card: str) -> str:
    """Whole lines of it, as many as a description holds."""
    return card if len(card) <= _LONGEST else card[:_LONGEST].rpartition("\n")[0]


def _write(folder: Path, file: ModelFile, *, run: str, model_id: str) -> None:
    """The files of a version, `MLmodel` among them, by which MLflow shows the signature."""
    (folder / tags.MODEL_FILE).write_bytes(file.onnx)
    (folder / tags.FEATURES_FILE).write_bytes(features_file(file))
    described = Model(run_id=run, model_id=model_id, signature=_signature(file))
    described.add_flavor("onnx", onnx_version=onnx.__version__, data=tags.MODEL_FILE)
    described.save(str(folder / "MLmodel"))


def _signature(file: ModelFile) -> ModelSignature:
    """Each feature by name, and the two probabilities."""
    outputs = TensorSpec(np.dtype(np.float32), (-1, 2), "probabilities")
    columns = [ColSpec("float", name, required=False) for name in file.features]
    return ModelSignature(inputs=Schema(columns), outputs=Schema([outputs]))


def _registered(client: MlflowClient, problem: Problem) -> str:
    """The problem's registered model, made where it is not there yet."""
    name = tags.registered_name(problem.name)
    try:
        client.create_registered_model(name, description=f"Whether {problem.meaning}.")
    except MlflowException as error:
        if error.error_code != _EXISTS:
            raise
    return name
