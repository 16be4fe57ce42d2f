"""A registry in memory that is read as MLflow is, and the same operations on both."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from pipelines.connectors.onnx_model import ModelFile
from pipelines.contracts import model_registry as tags
from pipelines.contracts.model_registry import CHALLENGER, CHAMPION, PREVIOUS
from pipelines.contracts.registered_model import CONTEST, ENTERED, Event
from pipelines.errors import ModelError, ServiceError
from serving.models.mlflow_source import MlflowSource
from serving.models.source import ModelSource, Outline, readable
from tests.serving.models.graphs import PROBLEM
from tests.training.tracking.contests import contestant, record
from training.tracking.entering import enter
from training.tracking.registry import Registry
from training.tracking.runs import record_contest
from training.tracking.server import Server
from training.tracking.versions import NewVersion, features_file

JUDGED = {"value": 0.5, "low": 0.4, "high": 0.6}


class ChangingRegistry(Protocol):
    """A registry of `PROBLEM`, and what may happen in it."""

    source: ModelSource

    def register(self, name: str, file: ModelFile) -> int: ...

    def enter(self, name: str, file: ModelFile) -> int: ...

    def promote(self, version: int) -> None: ...

    def rank(self, version: int) -> None: ...

    def retire(self, version: int) -> None: ...

    def tamper(self, version: int, file: str) -> None: ...


@dataclass
class _Stored:
    version: str
    creation_timestamp: int
    source: str
    run_id: str | None
    tags: dict[str, str]


class MemoryRegistry:
    """A `ChangingRegistry` and its source in one. `asked` counts the files that were read."""

    def __init__(self) -> None:
        self.source = self
        self.stored: dict[int, _Stored] = {}
        self.kept: dict[tuple[str, str], bytes] = {}
        self.aliases: dict[str, int] = {}
        self.changed_at = 0
        self.asked = 0
        self.away = False
        self.files_away = False

    def outlines(self):
        self._answer(self.away)
        return {PROBLEM.name: Outline(dict(self.aliases), self.changed_at)} if self.stored else {}

    def versions(self, problem, outline):
        self._answer(self.away)
        models = readable(problem, self.stored.values(), outline)
        return [one for one in models if one.aliases or one.source == ENTERED]

    def files(self, model, *, limit_bytes):
        self._answer(self.away or self.files_away)
        self.asked += 1
        found = [self.kept.get((model.folder, file)) for file in (tags.MODEL_FILE, tags.FEATURES_FILE)]
        if None in found:
            raise ModelError(f"v{model.version}: it is not there.")
        if max(len(one) for one in found) > limit_bytes:
            raise ModelError(f"v{model.version}: it is larger than the limit.")
        return tuple(found)

    def register(self, name, file, source=CONTEST, judged=JUDGED):
        number = len(self.stored) + 1
        new = NewVersion(PROBLEM, name, source, file, threshold=1 / 3, average_precision=judged)
        self.stored[number] = _Stored(str(number), 1_000 * number, f"memory:/{number}", "run", dict(new.tags))
        self.kept[f"memory:/{number}", tags.MODEL_FILE] = file.onnx
        self.kept[f"memory:/{number}", tags.FEATURES_FILE] = features_file(file)
        self.changed_at += 1
        return number

    def enter(self, name, file):
        return self.register(name, file, ENTERED, None)

    def promote(self, version):
        previous = self.aliases.get(CHAMPION)
        self.aliases[CHAMPION] = version
        if previous is not None:
            self.aliases[PREVIOUS] = previous
        if self.aliases.get(CHALLENGER) == version:
            del self.aliases[CHALLENGER]
        self.tell(version, "promoted")

    def tell(self, version, what):
        key, text = Event(datetime.now(UTC), what, "ada", "better").as_tag()
        self.stored[version].tags[key] = text

    def rank(self, version):
        self.aliases[CHALLENGER] = version

    def retire(self, version):
        self.stored[version].tags[tags.RETIRED] = datetime.now(UTC).isoformat()
        self.aliases = {alias: of for alias, of in self.aliases.items() if of != version}
        del self.kept[f"memory:/{version}", tags.MODEL_FILE]

    def tamper(self, version, file):
        self.kept[f"memory:/{version}", file] += b" "

    def _answer(self, away):
        if away:
            raise ServiceError("MLflow in memory could not answer: it does not answer.")


class MlflowRegistry:
    """The real one, by the operations of `clicklake models`. `artefacts`: the server's folder of them."""

    def __init__(self, uri: str, *, lock: Path, artefacts: Path) -> None:
        self.source = MlflowSource(uri)
        self._server = Server(uri)
        self._registry = Registry(self._server, lock=lock)
        self._artefacts = artefacts

    def register(self, name, file):
        told = record_contest(self._server, replace(record(contestant(name, file)), problem=PROBLEM))
        return told.versions[name]

    def enter(self, name, file):
        return enter(self._server, file, PROBLEM, name=name, by="ada")

    def promote(self, version):
        champion = self._registry.champion(PROBLEM.name)
        expected = None if champion is None else champion.version
        self._registry.promote(PROBLEM, version, by="ada", reason="better", expected=expected)

    def rollback(self):
        return self._registry.rollback(PROBLEM, by="ada", reason="odd offers").version

    def rank(self, version):
        self._registry.rank(PROBLEM.name, [version])

    def retire(self, version):
        self._registry.retire(PROBLEM.name, version, by="ada", reason="tired")

    def tamper(self, version, file):
        folder = self._registry.model(PROBLEM.name, version).folder.removeprefix("mlflow-artifacts:/")
        with (self._artefacts / folder / file).open("ab") as stream:
            stream.write(b" ")
