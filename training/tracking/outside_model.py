"""Models prepared elsewhere: what is let into a contest, and why not.

Only ONNX graphs are read, by ONNX Runtime; a pickle would run whatever its writer wished.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx

from pipelines.connectors.onnx_model import ModelFile, OnnxModel
from pipelines.errors import ModelError, SettingsError
from pipelines.gold.problem_features import feature_names
from pipelines.gold.problems.problem import Problem
from training.examples import Values

FEATURES = "features"
"""The entry of an ONNX file's metadata that names its features: a JSON list, in their order."""
_MIB = 1 << 20
_PICKLES = (b"\x80", b"\x1f\x8b", b"x\x9c", b"x\x01", b"x\xda", b"PK\x03\x04")
"""How pickles begin, plain, compressed as joblib does, or zipped as PyTorch does."""


def outside_model(path: Path, problem: Problem, *, features: Path | None = None) -> ModelFile:
    """The model of an ONNX file and its features, tried on rows with and without values.

    Features are those of the JSON list `features`, else of the file's metadata, else all of the problem's
    when there are as many. Raises `SettingsError`, one sentence, for what cannot take part.
    """
    content = _read(path, limit_mib=problem.gates.artefact_mib)
    model = _parsed(path, content)
    width = _width(path, model.graph)
    _require_output(path, model.graph)
    file = ModelFile(_features(path, model, problem, width, features), content)
    _try(path, file)
    return file


def _read(path: Path, *, limit_mib: float) -> bytes:
    try:
        size = path.stat().st_size
        if size > limit_mib * _MIB:
            raise SettingsError(
                f"{path}: {size / _MIB:.0f} MiB; the problem takes models to {limit_mib:g} MiB."
            )
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}).") from error


def _parsed(path: Path, content: bytes) -> onnx.ModelProto:
    """The model, if all of it lies in the file."""
    if content.startswith(_PICKLES):
        raise SettingsError(
            f"{path}: a pickle or an archive, which is never loaded: export the model to ONNX."
        )
    try:
        model = onnx.load_model_from_string(content)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf and the checker raise errors of many kinds
        reason = str(error).strip().splitlines()[0][:200]
        raise SettingsError(f"{path}: is no ONNX model ({reason}).") from error
    if any(one.data_location == onnx.TensorProto.EXTERNAL for one in model.graph.initializer):
        raise SettingsError(f"{path}: its weights lie in other files: save it as one file.")
    return model


def _width(path: Path, graph: onnx.GraphProto) -> int:
    """How many features a row of its one input has."""
    constants = {one.name for one in graph.initializer}
    inputs = [one for one in graph.input if one.name not in constants]
    if len(inputs) != 1:
        raise SettingsError(f"{path}: has {len(inputs)} inputs; a model takes one, rows of features.")
    kind = inputs[0].type.tensor_type
    shape = [one.dim_value for one in kind.shape.dim]
    if kind.elem_type != onnx.TensorProto.FLOAT or len(shape) != 2 or shape[1] < 1 or shape[0] == 1:
        raise SettingsError(f"{path}: its input must be float of shape (any number of rows, features).")
    return int(shape[1])


def _require_output(path: Path, graph: onnx.GraphProto) -> None:
    kind = graph.output[-1].type
    if kind.WhichOneof("value") != "tensor_type" or kind.tensor_type.elem_type != onnx.TensorProto.FLOAT:
        raise SettingsError(
            f"{path}: its last output must be a tensor of probabilities (float); "
            "with skl2onnx, convert with the option zipmap=False."
        )


def _features(
    path: Path, model: onnx.ModelProto, problem: Problem, width: int, given: Path | None
) -> tuple[str, ...]:
    known = feature_names(problem)
    said = next((one.value for one in model.metadata_props if one.key == FEATURES), None)
    if given is not None:
        names = _listed(given, _read(given, limit_mib=1).decode(errors="replace"))
    elif said is not None:
        names = _listed(path, said)
    elif width == len(known):
        names = known
    else:
        raise SettingsError(
            f"{path}: takes {width} features and does not name them, and {problem.name} has {len(known)}: "
            "name them by --features FILE, or as a JSON list in the file's metadata under `features`."
        )
    _require_known(path, names, known, width, problem)
    return names


def _listed(path: Path, text: str) -> tuple[str, ...]:
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise SettingsError(f'{path}: its features must be a JSON list of names: ["twin__sign_in", ...].')
    return tuple(names)


def _require_known(
    path: Path, names: Sequence[str], known: Sequence[str], width: int, problem: Problem
) -> None:
    if len(names) != width:
        raise SettingsError(f"{path}: takes {width} features, but {len(names)} are named.")
    if len(set(names)) != len(names):
        raise SettingsError(f"{path}: names a feature twice.")
    strange = [one for one in names if one not in known]
    if strange:
        raise SettingsError(
            f"{path}: {problem.name} has no feature {', '.join(strange[:3])}; they are called "
            f"<set>__<feature>, of its sets {', '.join(problem.sets)}."
        )


def _try(path: Path, file: ModelFile) -> None:
    """Probabilities for flags, for counts, and where nothing is known; alone as among others."""
    rows = _rows(len(file.features))
    try:
        model = OnnxModel(file)
        together = model.probabilities(rows)
        alone = np.concatenate([model.probabilities(rows[i : i + 1]) for i in range(len(rows))])
    except ModelError as error:
        raise SettingsError(f"{path}: cannot be run: {error}") from error
    except Exception as error:  # ONNX Runtime raises errors of many kinds
        reason = str(error).strip().splitlines()[0][:200]
        raise SettingsError(f"{path}: fails on rows of {rows.shape[1]} features ({reason}).") from error
    if together.shape != (len(rows),) or not np.allclose(together, alone, atol=1e-6, equal_nan=True):
        raise SettingsError(f"{path}: gives another probability for a row alone than among others.")
    if np.isnan(together[-1]):
        raise SettingsError(
            f"{path}: gives no probability where a feature has no value (NaN): put an imputer before it."
        )
    if not np.all((together >= 0) & (together <= 1)):
        raise SettingsError(f"{path}: gives {together.min():g} to {together.max():g}, no probabilities.")


def _rows(width: int) -> Values:
    random = np.random.default_rng(0)
    flags = random.integers(0, 2, (8, width))
    counts = random.lognormal(1, 2, (8, width))
    bounds = np.vstack([np.zeros(width), np.ones(width), np.full(width, 1e6), np.full(width, np.nan)])
    return np.vstack([flags, counts, bounds]).astype(np.float32)
