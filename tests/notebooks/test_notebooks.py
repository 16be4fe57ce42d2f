"""The notebooks run from top to bottom on a lake, and are kept in git without outputs."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from pipelines.connectors.lake_reader import LakeReader
from pipelines.connectors.names import Names
from pipelines.gold.attribution.fitted import all_fitted
from pipelines.gold.attribution.models import all_models
from pipelines.gold.features.sets import all_sets
from pipelines.gold.problems import all_problems
from tests.conftest import DOWNLOADS
from tests.training.lake_examples import add_examples

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def executed(path: Path, *, project: Path, monkeypatch, settings: str = "") -> nbformat.NotebookNode:
    """The notebook run as Jupyter runs it, in the folder `notebooks` of a project."""
    monkeypatch.setenv("CLICKLAKE_SET", settings)
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    folder = project / "notebooks"
    folder.mkdir()
    client = NotebookClient(
        nbformat.read(path, as_version=4),
        timeout=240,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    return client.execute()


def shown(notebook: nbformat.NotebookNode) -> str:
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "\n".join(
        output.get("text", "") + output.get("data", {}).get("text/plain", "") for output in outputs
    )


def test_there_are_notebooks():
    assert [path.name for path in NOTEBOOKS][:1] == ["01_explore_events.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_are_stripped(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.source for cell in cells if cell.outputs or cell.execution_count] == []


def test_explore_events_shows_the_lake(tiny_lake, tmp_path, monkeypatch):
    (tmp_path / "var").symlink_to(tiny_lake.names.var_dir)
    notebook = executed(NOTEBOOKS[0], project=tmp_path, monkeypatch=monkeypatch)
    text = shown(notebook)
    images = [
        o
        for c in notebook.cells
        if c.cell_type == "code"
        for o in c.outputs
        if "image/png" in o.get("data", {})
    ]
    assert len(images) == 3
    assert "silver.dead_letters" in text
    assert "invalid_utf8" in text
    assert '"order_id": ' in text
    clicks = sum(r["topic"] == "clicks" and r["partition"] == 0 for r in tiny_lake.records)
    assert text.split("clean_silver")[1].split()[:5] == ["0", "clicks", "0", str(clicks), str(clicks)]


def test_attribution_compares_models_and_traces_an_order(tiny_lake, tmp_path, monkeypatch):
    (tmp_path / "var").symlink_to(tiny_lake.names.var_dir)
    text = shown(executed(FOLDER / "02_attribution.ipynb", project=tmp_path, monkeypatch=monkeypatch))
    paid = LakeReader(tiny_lake.names).rows(
        "select count(*) as n from silver.orders_current where paid_minor > 0"
    )
    orders = paid[0]["n"]
    assert orders > 0
    assert f"{orders} paid orders" in text
    assert all(name in text for name in (*all_models(), *all_fitted()))
    assert "bronze" in text


@pytest.mark.spark
@pytest.mark.services
def test_features_are_served_as_history_says(tiny_lake, served_lake, tmp_path, monkeypatch):
    var = tmp_path / "var"
    var.mkdir()
    (var / "lake").symlink_to(Path(tiny_lake.names.lake))
    (var / "cache").symlink_to(DOWNLOADS)
    notebook = executed(
        FOLDER / "03_features.ipynb", project=tmp_path, monkeypatch=monkeypatch, settings=served_lake
    )
    text = shown(notebook)
    carts = LakeReader(tiny_lake.names).rows(
        "select count(*) as n from silver.events where event_type = 'add_to_cart'"
    )[0]["n"]
    columns = sum(len(all_sets()[name].outputs) for name in ("twin", "user"))
    assert f"{carts:,} rows of {columns} features" in text
    compared, differences = (
        int(found.replace(",", ""))
        for found in re.findall(r"([\d,]+) values compared, (\d+) differences", text)[0]
    )
    assert compared > 500
    assert differences == 0
    assert float(re.findall(r"([\d.]+)% of rows differ in some feature", text)[0]) > 0


def test_models_are_fitted_and_judged(tmp_path, monkeypatch):
    names = Names.of(var_dir=tmp_path / "var", lake=None)
    add_examples(names, all_problems()["checkout_purchase"], first=0, count=1_500)
    notebook = executed(FOLDER / "04_models.ipynb", project=tmp_path, monkeypatch=monkeypatch)
    text = shown(notebook)
    assert "0 contests" in text
    assert "checkout_purchase: version 1 of gold.labelled_examples" in text
    assert re.search(r"average_precision +0\.[6-9]", text)
    assert "mlflow is not running" in text
