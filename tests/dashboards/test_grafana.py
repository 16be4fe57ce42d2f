"""Grafana's dashboards and how it is given them. No Grafana runs here: what can be compared, is."""

import json
import re
from pathlib import Path

import psycopg2
import pytest
import yaml
from click.testing import CliRunner

from jobs.cli.main import cli
from pipelines.connectors.roles import DASHBOARD, role_name
from pipelines.contracts.panels import all_panels
from pipelines.runtime.dashboards.grafana import dashboards
from pipelines.settings import load_settings
from tests.dashboards.test_panels import asked

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "conf" / "grafana"
BOARDS = {name: json.loads(text) for name, text in dashboards().items()}
TARGETS = [
    (board, panel, target)
    for board in BOARDS.values()
    for panel in board["panels"]
    for target in panel["targets"]
]
GRAFANA = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]
SOURCE = yaml.safe_load((FOLDER / "provisioning/datasources/clicklake.yaml").read_text())["datasources"][0]
PROVIDER = yaml.safe_load((FOLDER / "provisioning/dashboards/clicklake.yaml").read_text())["providers"][0]


def test_the_files_are_those_that_the_panels_make(tmp_path):
    made = CliRunner().invoke(cli, ["dashboards", str(tmp_path)])
    assert made.exit_code == 0, made.output
    committed = {path.name: path.read_text() for path in (FOLDER / "dashboards").iterdir()}
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == committed, (
        "run `clicklake dashboards conf/grafana/dashboards`"
    )


def test_a_folder_that_is_not_there_is_told(tmp_path):
    made = CliRunner().invoke(cli, ["dashboards", str(tmp_path / "nowhere")])
    assert made.exit_code == 2


def test_every_panel_is_on_one_dashboard_and_none_covers_another():
    assert sorted(panel["title"] for _, panel, _ in TARGETS) == sorted(p.title for p in all_panels().values())
    for board in BOARDS.values():
        taken: set[tuple[int, int]] = set()
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
        for place in (panel["gridPos"] for panel in board["panels"]):
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not cells & taken
            assert place["x"] + place["w"] <= 24
            taken |= cells


def test_variables_are_those_that_are_used():
    for board in BOARDS.values():
        used = set(re.findall(r"\$\{(\w+):", json.dumps([panel["targets"] for panel in board["panels"]])))
        assert {one["name"] for one in board.get("templating", {}).get("list", [])} == used


def test_what_a_viewer_chooses_is_quoted():
    for _, _, target in TARGETS:
        assert re.findall(r"\$\{(?!\w+:sqlstring\})", target["rawSql"]) == []


def test_the_source_is_the_read_only_role_and_what_is_provisioned_is_mounted():
    owner = load_settings(
        environ={"CLICKLAKE_PROFILE": "compose", "POSTGRES_PASSWORD": "x", "DASHBOARD_PASSWORD": "y"}
    )
    assert owner.postgres.role_passwords.dashboard is not None
    assert SOURCE["url"] == f"{owner.postgres.host}:{owner.postgres.port}"
    assert (SOURCE["user"], SOURCE["jsonData"]["database"]) == (role_name(DASHBOARD), owner.postgres.database)
    assert SOURCE["secureJsonData"] == {"password": "$DASHBOARD_PASSWORD"}
    assert "DASHBOARD_PASSWORD" in GRAFANA["environment"]
    assert {(SOURCE["type"], SOURCE["uid"])} == {
        (target["datasource"]["type"], target["datasource"]["uid"]) for _, _, target in TARGETS
    }
    mounted = dict(volume.split(":")[:2] for volume in GRAFANA["volumes"])
    assert mounted["./conf/grafana/dashboards"] == PROVIDER["options"]["path"]
    assert mounted["./conf/grafana/provisioning"] == "/etc/grafana/provisioning"
    home = Path(GRAFANA["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (str(home.parent), home.name in BOARDS) == (PROVIDER["options"]["path"], True)


def test_nobody_sees_anything_without_a_password_and_the_version_is_the_sdk_s():
    environment = GRAFANA["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == environment["GF_USERS_ALLOW_SIGN_UP"] == "false"
    version = GRAFANA["image"].partition(":")[2]
    assert f'!{version}"' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.services
def test_the_statements_as_grafana_sends_them_give_the_same_answers(shop, role):
    """With its macros written out as its PostgreSQL source does."""
    reader = role(DASHBOARD)
    connection = psycopg2.connect(
        host=reader.host, port=reader.port, dbname=reader.database, user=reader.user, password=reader.password
    )
    names = {panel.title: name for name, panel in all_panels().items()}
    with connection, connection.cursor() as cursor:
        cursor.execute("select now() - interval '1 hour', now()")
        since, until = (moment.isoformat() for moment in cursor.fetchone())
        for _, panel, target in TARGETS:
            cursor.execute(_written_out(target["rawSql"], since, until))
            fields = [column.name for column in cursor.description]
            (answer,) = asked(reader, names[panel["title"]])
            assert fields == answer.fields
            assert cursor.fetchall(), panel["title"]
    connection.close()


def _written_out(statement: str, since: str, until: str) -> str:
    words = {
        "$__timeFrom()": f"'{since}'",
        "$__timeTo()": f"'{until}'",
        "$__interval_ms": "15000",
        "${model:sqlstring}": "'first'",
        "${look_back:sqlstring}": "'600'",
    }
    for word, text in words.items():
        statement = statement.replace(word, text)
    assert "$" not in statement
    return statement
