"""Contests recorded on the real MLflow server: nothing is missing, and promotions are undone in seconds."""

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

from jobs.cli.main import cli
from pipelines.errors import ServiceError, SettingsError
from tests.training.tracking.contests import CHECKOUT, contestant, files, record
from tests.training.tracking.outside_models import FEATURES, write_gaussian, write_tree
from training.tracking.registry import Registry
from training.tracking.runs import record_contest
from training.tracking.server import Server

pytestmark = pytest.mark.services
NAME = CHECKOUT.name


@pytest.fixture(scope="module")
def server(stack) -> Server:
    return Server(stack.mlflow)


@pytest.fixture(scope="module")
def contest(server):
    """A contest of two, recorded."""
    return record_contest(server, record(contestant("tree"), contestant("gaussian", files()[1], value=0.4)))


@pytest.fixture
def registry(server, tmp_path) -> Registry:
    return Registry(server, lock=tmp_path / "lock")


@pytest.fixture
def models(stack_settings, stack):
    """Runs `clicklake models ...` against the server; its exit code and what it says."""

    def run(*arguments: str) -> tuple[int, str]:
        options = [
            "--set",
            f"var_dir={stack_settings.var_dir}",
            "--set",
            f"mlflow.tracking_uri={stack.mlflow}",
        ]
        told = CliRunner().invoke(cli, [*options, "models", *arguments])
        if told.exception is not None and not isinstance(told.exception, SystemExit):
            raise told.exception
        return told.exit_code, told.output

    return run


def test_a_contest_is_a_run_with_a_run_for_each_contestant(server, contest):
    client: MlflowClient = server.client
    parent = client.get_run(contest.run_id)
    assert parent.info.run_name == "block 2"
    assert parent.info.status == "FINISHED"
    assert parent.data.params["data.versions.gold.labelled_examples"] == "12"
    assert {(one.dataset.name, one.dataset.digest) for one in parent.inputs.dataset_inputs} == {
        ("checkout_purchase train", ("ab" * 32)[:36]),
        ("checkout_purchase validation", ("cd" * 32)[:36]),
    }
    assert parent.data.tags["code.package"]
    files_of = {one.path for one in client.list_artifacts(contest.run_id)}
    assert files_of == {"data.json", "plots", "ruling.json"}
    below = client.search_runs([parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{contest.run_id}'")
    by_name = {one.info.run_name: one for one in below}
    assert set(by_name) == {"tree", "gaussian"}
    tree = by_name["tree"]
    assert tree.data.params["parameters.max_depth"] == "6"
    found = tree.data.metrics
    assert (found["average_precision"], found["lift"]) == (0.5, 3.0)
    assert (found["average_precision_low"], found["average_precision_high"]) == (0.4, 0.6)
    assert "lift_low" not in found
    assert {one.path for one in client.list_artifacts(tree.info.run_id)} == {
        "evaluation.json",
        "model_card.md",
        "plots",
    }


def test_a_version_has_the_graph_and_its_signature(server, contest, registry):
    model = registry.model(NAME, contest.versions["tree"])
    assert registry.load(model) == files()[0]
    described = server.read(model.folder, "MLmodel").decode()
    assert all(name in described for name in FEATURES)
    assert "pickle" not in described
    assert json.loads(server.read(model.folder, "features.json")) == list(FEATURES)


def test_promotion_and_rollback_by_command(contest, models, registry):
    tree, gaussian = str(contest.versions["tree"]), str(contest.versions["gaussian"])
    of = ("--problem", NAME, "--reason", "as agreed")
    assert models("promote", tree, *of)[0] == 0
    assert "decides now, before v" + tree in models("promote", gaussian, *of)[1]
    began = time.monotonic()
    assert "(tree) decides again" in models("rollback", *of)[1]
    assert time.monotonic() - began < 5
    assert registry.champion(NAME).version == int(tree)
    code, told = models("why", "--problem", NAME)
    assert code == 0
    assert "block 2" in told
    assert "rolled back to" in told
    story = json.loads(models("why", gaussian, "--problem", NAME, "--json")[1])
    assert story["born"]["winner"] == "tree"
    assert [one["what"] for one in story["model"]["events"]] == ["promoted", f"replaced by v{tree}"]
    with pytest.raises(SettingsError, match="is the champion"):
        models("retire", tree, *of)


@pytest.mark.parametrize(("name", "write"), [("tree2", write_tree), ("gaussian2", write_gaussian)])
def test_models_prepared_elsewhere_enter_by_command(models, registry, tmp_path: Path, name, write):
    code, told = models("enter", str(write(tmp_path / f"{name}.onnx")), "--problem", NAME)
    assert code == 0, told
    assert f"{name} is v" in told
    assert "stands in the next contest" in told
    entered = {one.name: one for one in registry.entrants(NAME)}[name]
    listed = [json.loads(line) for line in models("list", "--problem", NAME, "--json")[1].splitlines()]
    assert listed[0]["version"] == entered.version
    assert "not judged yet" in models("list")[1]
    models("retire", str(entered.version), "--problem", NAME, "--reason", "the test is over")
    assert name not in {one.name for one in registry.entrants(NAME)}
    with pytest.raises(ServiceError, match="could not give the file"):
        registry.load(entered)
