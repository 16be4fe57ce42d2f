"""The registry of a deployment's models: who is champion, how that came, and how it is undone."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from pipelines.connectors.onnx_model import ModelFile, OnnxModel, registered_file
from pipelines.contracts import model_registry as tags
from pipelines.contracts.model_registry import CHALLENGER, CHAMPION, PREVIOUS, registered_name
from pipelines.contracts.registered_model import PROMOTED, ROLLED_BACK, RegisteredModel
from pipelines.errors import ModelError, SettingsError
from pipelines.gold.problem_features import require_present_versions
from pipelines.gold.problems.problem import Problem
from pipelines.runtime.embedded.locks import held
from training.tracking.reading import MISSING, Told, holder, models_of, require_expected, tell
from training.tracking.runs import DATA_FILE, RULING_FILE
from training.tracking.server import Server
from training.tracking.story import Story

_LOCK_SECONDS = 60.0


class Registry:
    """Models by problem. `lock`: a file that processes of one machine take turns by when aliases move.

    Every operation raises `ServiceError` when MLflow does not answer in time, and `SettingsError` for a
    version that is not there.
    """

    def __init__(self, server: Server, *, lock: Path) -> None:
        self._server = server
        self._lock = lock

    def models(self, problem: str) -> list[RegisteredModel]:
        """All versions, the newest first; none where nothing was registered yet."""
        with self._server.answering("list models") as client:
            return models_of(client, problem)

    def model(self, problem: str, version: int) -> RegisteredModel:
        """One version."""
        for one in self.models(problem):
            if one.version == version:
                return one
        raise SettingsError(
            f"{problem} has no version {version}: `clicklake models list --problem {problem}` shows them."
        )

    def champion(self, problem: str) -> RegisteredModel | None:
        """The version that decides, if there is one."""
        return next((one for one in self.models(problem) if CHAMPION in one.aliases), None)

    def load(self, model: RegisteredModel) -> ModelFile:
        """Its graph and features, checked by their hashes before anything reads them.

        Raises `ModelError` when they are not what was registered, or the version is retired.
        """
        if model.retired is not None:
            raise ModelError(f"{model.problem} v{model.version} is retired: its file is deleted.")
        with self._server.answering(f"give the file of {model.problem} v{model.version}"):
            graph = self._server.read(model.folder, tags.MODEL_FILE)
            features = self._server.read(model.folder, tags.FEATURES_FILE)
        return registered_file(model, graph=graph, features=features)

    def promote(
        self, problem: Problem, version: int, *, by: str, reason: str, expected: int | None
    ) -> RegisteredModel:
        """Make a version the champion, and the champion the previous one.

        `expected`: the champion's version that the decision was made against, None for none. Raises
        `ChampionChanged` when it is another by now, `ModelError` for a version that cannot serve.
        """
        self._require_fit(problem, self.model(problem.name, version))
        with self._turn(problem.name, "promote a model") as (client, models):
            champion = holder(CHAMPION, models)
            require_expected(problem.name, champion, expected)
            if champion is not None and champion.version == version:
                return champion
            return self._move(client, problem.name, champion, version, Told(PROMOTED, by, reason))

    def rollback(self, problem: Problem, *, by: str, reason: str) -> RegisteredModel:
        """Make the previous champion the champion again, and this one the previous."""
        with self._turn(problem.name, "roll back") as (client, models):
            champion, previous = holder(CHAMPION, models), holder(PREVIOUS, models)
            if previous is None or champion is None or previous.version == champion.version:
                raise SettingsError(f"{problem.name} has no champion before this one to go back to.")
            self._require_fit(problem, previous)
            told = Told(ROLLED_BACK, by, reason)
            return self._move(client, problem.name, champion, previous.version, told)

    def retire(self, problem: str, version: int, *, by: str, reason: str) -> RegisteredModel:
        """Take a version out for good: its file is deleted, its story stays. The champion is refused."""
        self.model(problem, version)
        with self._turn(problem, "retire a model") as (client, models):
            one = next(one for one in models if one.version == version)
            if CHAMPION in one.aliases:
                raise SettingsError(
                    f"{problem} v{version} is the champion: promote another version or roll back first."
                )
            self._retire(client, one, Told("retired", by, reason))
        return self.model(problem, version)

    def keep_newest(self, problem: str, *, count: int) -> list[int]:
        """Retire what is older than the newest `count` versions and holds no alias; which ones."""
        with self._turn(problem, "retire old models") as (client, models):
            old = [one for one in models[count:] if not one.aliases and one.retired is None]
            for one in old:
                reason = f"older than the newest {count} versions (models.keep_versions)"
                self._retire(client, one, Told("retired", "policy", reason))
        return [one.version for one in old]

    def rank(self, problem: str, versions: Sequence[int]) -> None:
        """Give the alias challenger to the first of these that is not the champion: best one first."""
        with self._turn(problem, "name the challenger") as (client, models):
            standing = {one.version: one for one in models if one.retired is None}
            for version in versions:
                if version in standing and CHAMPION not in standing[version].aliases:
                    client.set_registered_model_alias(registered_name(problem), CHALLENGER, str(version))
                    return

    def entrants(self, problem: str) -> list[RegisteredModel]:
        """Models prepared elsewhere that stand in the next contest: neither champion nor retired."""
        return [one for one in self.models(problem) if one.stands]

    def why(self, problem: str, version: int | None = None) -> Story:
        """The story of a version, else of the champion."""
        model = self.champion(problem) if version is None else self.model(problem, version)
        if model is None:
            raise SettingsError(
                f"{problem} has no champion yet: the first contest that a model wins makes one."
            )
        born = self._ruling(model.contest)
        newest = born if model.newest_contest == model.contest else self._ruling(model.newest_contest)
        return Story(model, born, newest)

    def data(self, problem: str, version: int | None = None) -> Mapping[str, Any]:
        """What was noted of the rows that a version, else the champion, was made and judged by.

        Raises `SettingsError` for a version that no contest made.
        """
        model = self.champion(problem) if version is None else self.model(problem, version)
        told = self._told(model.contest, DATA_FILE) if model else None
        if told is None:
            raise SettingsError(f"{problem}: no contest noted the data of {version or 'a champion'}.")
        return told

    def _ruling(self, run: str | None) -> Mapping[str, Any] | None:
        told = self._told(run, RULING_FILE)
        if told is None:
            return None
        with self._server.answering("name a contest") as client:
            name = client.get_run(run).info.run_name
        return {"contest": name, "run": run, **told}

    def _told(self, run: str | None, file: str) -> Mapping[str, Any] | None:
        """A JSON file of a contest's run; None where there is no such contest, or its run was deleted."""
        if run is None:
            return None
        with self._server.answering(f"give {file}") as client, tempfile.TemporaryDirectory() as folder:
            try:
                path = client.download_artifacts(run, file, folder)
            except MlflowException as error:
                if error.error_code != MISSING:
                    raise
                return None
            found: Mapping[str, Any] = json.loads(Path(path).read_text())
        return found

    def _require_fit(self, problem: Problem, model: RegisteredModel) -> None:
        """It means the same as when it was made, and its file can be run."""
        require_present_versions(problem, model)
        OnnxModel(self.load(model))

    @contextmanager
    def _turn(self, problem: str, purpose: str) -> Iterator[tuple[MlflowClient, list[RegisteredModel]]]:
        """The models as they are while no other process of this machine moves an alias."""
        with held(self._lock, limit_seconds=_LOCK_SECONDS), self._server.answering(purpose) as client:
            yield client, models_of(client, problem)

    def _move(
        self,
        client: MlflowClient,
        problem: str,
        champion: RegisteredModel | None,
        version: int,
        told: Told,
    ) -> RegisteredModel:
        """Aliases first: should the process die between, the champion is right and only the story short."""
        name = registered_name(problem)
        client.set_registered_model_alias(name, CHAMPION, str(version))
        if champion is not None:
            client.set_registered_model_alias(name, PREVIOUS, str(champion.version))
        if str(client.get_registered_model(name).aliases.get(CHALLENGER)) == str(version):
            client.delete_registered_model_alias(name, CHALLENGER)
        tell(client, problem, version, told)
        if champion is not None:
            replaced = Told(f"replaced by v{version}", told.by, told.reason)
            tell(client, problem, champion.version, replaced)
        return next(one for one in models_of(client, problem) if one.version == version)

    def _retire(self, client: MlflowClient, model: RegisteredModel, told: Told) -> None:
        """The mark first: a version whose file is going must not be taken for one that can be loaded."""
        name = registered_name(model.problem)
        now = datetime.now(UTC).isoformat()
        client.set_model_version_tag(name, str(model.version), tags.RETIRED, now)
        for alias in model.aliases:
            client.delete_registered_model_alias(name, alias)
        tell(client, model.problem, model.version, told)
        self._server.delete(model.folder, tags.MODEL_FILE)
