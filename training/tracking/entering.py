"""Let a model that was prepared elsewhere into the next contest."""

from pipelines.connectors.onnx_model import ModelFile
from pipelines.contracts.registered_model import ENTERED
from pipelines.gold.problems.problem import Problem
from training.tracking.reading import Told, tell
from training.tracking.runs import ended, experiment_of, start_run
from training.tracking.server import Server
from training.tracking.versions import NewVersion, register


def enter(server: Server, file: ModelFile, problem: Problem, *, name: str, by: str) -> int:
    """Register it; the version under which it stands in contests. It has no alias until one judged it.

    Raises `ServiceError` when MLflow does not answer.
    """
    new = NewVersion(problem=problem, name=name, source=ENTERED, file=file, threshold=problem.worth.threshold)
    with server.answering(f"enter {name} for {problem.name}") as client:
        experiment = experiment_of(client, problem)
        run = start_run(client, experiment, f"enter {name}", note=f"{name}, prepared elsewhere.")
        with ended(client, run):
            version, _ = register(client, new, experiment=experiment, run=run)
            client.set_tag(run, "version", str(version))
            tell(client, problem.name, version, Told("entered", by, "prepared elsewhere"))
    return version
