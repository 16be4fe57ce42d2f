"""Models as ONNX graphs, run by ONNX Runtime: the same way where they are judged and where they serve."""

import hashlib
import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnxruntime

from pipelines.contracts.registered_model import RegisteredModel
from pipelines.errors import ModelError


@dataclass(frozen=True)
class ModelFile:
    """A model as it is served: an ONNX graph, and the features that it takes, in their order."""

    features: tuple[str, ...]
    onnx: bytes

    @property
    def sha256(self) -> str:
        """What names these bytes."""
        return hashlib.sha256(self.onnx).hexdigest()


def registered_file(model: RegisteredModel, *, graph: bytes, features: bytes) -> ModelFile:
    """The file of a registered version, checked by its hashes before anything parses these bytes.

    Raises `ModelError` where they are not those that were registered.
    """
    found = (hashlib.sha256(graph).hexdigest(), hashlib.sha256(features).hexdigest())
    if found != (model.sha256, model.features_sha256):
        raise ModelError(
            f"{model.problem} v{model.version}: its file is not the one that was registered "
            f"(SHA-256 {found[0][:12]} and {found[1][:12]}, registered {model.sha256[:12]} and "
            f"{model.features_sha256[:12]}); it is not loaded. Roll back, or promote another version."
        )
    names = json.loads(features)
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise ModelError(f"{model.problem} v{model.version}: its features are no JSON list of names.")
    return ModelFile(tuple(names), graph)


class OnnxModel:
    """A loaded model. Raises `ModelError` for what is no graph from rows of features to probabilities."""

    def __init__(self, file: ModelFile) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                file.onnx, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise ModelError(
                f"model {file.sha256[:12]}: not an ONNX graph that can be run: {error}"
            ) from error
        self.features = file.features
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[-1].name

    def probabilities(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """The probability of the outcome for each row of features; NaN is a feature without value."""
        found = np.asarray(self._session.run([self._output], {self._input: values})[0], np.float64)
        return found[:, -1] if found.ndim > 1 else found
