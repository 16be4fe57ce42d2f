"""What doctor finds, on a machine that is bent for each test."""

import os
import socket
import stat
from pathlib import Path

import pytest

from pipelines.connectors.names import Names
from pipelines.errors import PrerequisiteError
from pipelines.runtime import doctor
from pipelines.runtime.doctor import diagnose, require
from pipelines.runtime.embedded import ports
from pipelines.runtime.embedded.java import java_executable, java_version, parse_java_version
from pipelines.settings import load_settings


def found(var_dir: Path, *overrides: str) -> dict[str, doctor.Finding]:
    settings = load_settings(overrides=[f"var_dir={var_dir}", *overrides])
    names = Names.of(var_dir=settings.var_dir, lake=None)
    return {finding.check: finding for finding in diagnose(settings, names=names)}


@pytest.fixture
def java_home(tmp_path, monkeypatch):
    """A function that installs a java which says what it is told, and points JAVA_HOME at it."""

    def install(answer: str) -> Path:
        program = tmp_path / "jdk" / "bin" / "java"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\necho '{answer}' >&2\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
        return program

    return install


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ('openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment', 17),
        ('java version "1.8.0_392"', 8),
        ('openjdk version "21" 2023-09-19 LTS', 21),
        ('Picked up JAVA_TOOL_OPTIONS: -Dx=1\nopenjdk version "25-ea" 2025-09-16', 25),
        ('openjdk version "11.0.2" 2019-01-15', 11),
    ],
)
def test_java_versions(text, release):
    assert parse_java_version(text) == release


def test_an_unreadable_java_version_is_told():
    with pytest.raises(PrerequisiteError, match="holds no version"):
        parse_java_version("command not found")


def test_this_machine_s_java_is_read():
    assert java_version(java_executable()) >= 17


def test_java_home_comes_before_the_path(java_home):
    program = java_home('openjdk version "11.0.2" 2019-01-15')
    assert java_executable() == program


def test_an_old_java_is_an_essential_finding_with_its_cure(java_home, tmp_path):
    java_home('openjdk version "11.0.2" 2019-01-15')
    java = found(tmp_path / "var")["java"]
    assert (java.ok, java.essential) == (False, True)
    assert "Java 11" in java.sentence
    assert "apt-get install" in java.mend


def test_nothing_starts_without_java(tmp_path, monkeypatch):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    settings = load_settings(overrides=[f"var_dir={tmp_path / 'var'}"])
    with pytest.raises(PrerequisiteError, match="no Java on the PATH"):
        require(settings, names=Names.of(var_dir=settings.var_dir, lake=None))
    assert not (tmp_path / "var").exists()


def test_a_held_port_is_a_note_that_names_its_holder(tmp_path):
    with socket.create_server((ports.LOCALHOST, 0)) as server:
        port = server.getsockname()[1]
        finding = found(tmp_path, f"kafka.port={port}")["kafka port"]
    assert (finding.ok, finding.essential) == (False, False)
    assert f"Port {port}" in finding.sentence
    assert f"process {os.getpid()}" in finding.sentence


def test_a_free_port_is_fine(tmp_path):
    assert found(tmp_path, f"kafka.port={ports.choose(preferred=())}")["kafka port"].ok


def test_a_var_dir_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    finding = found(tmp_path / "file" / "var")["var_dir"]
    assert (finding.ok, finding.essential) == (False, True)
    assert "var_dir" in finding.sentence


@pytest.mark.parametrize(
    ("free", "ok", "essential"), [(0.5, False, True), (3, False, False), (6, True, False)]
)
def test_disk_space(free, ok, essential, tmp_path, monkeypatch):
    usage = doctor.shutil.disk_usage(tmp_path)._replace(free=int(free * 1024**3))
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage)
    finding = found(tmp_path)["disk"]
    assert (finding.ok, finding.essential) == (ok, essential)


def test_packages_that_do_not_fit_the_listed_jars(tmp_path, monkeypatch):
    releases = {"pyspark": "4.2.1", "delta-spark": "4.4.0"}
    monkeypatch.setattr(doctor, "version", releases.__getitem__)
    finding = found(tmp_path)["versions"]
    assert not finding.ok
    assert "spark-sql-kafka-0-10_2.13-4.2.1.jar" in finding.sentence


def test_jars_are_told_as_cached_or_to_come(tmp_path):
    assert "will be downloaded" in found(tmp_path)["spark jars"].sentence


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["kafka.bootstrap=127.0.0.1:1"], "Kafka at 127.0.0.1:1"),
        (["kafka.bootstrap=nonsense"], "Kafka at nonsense"),
        (["postgres.host=127.0.0.1"], "postgres.password is null"),
        (["postgres.host=127.0.0.1", "postgres.port=1", "postgres.password=x"], "PostgreSQL at 127.0.0.1:1"),
        (["mlflow.tracking_uri=http://127.0.0.1:1"], "MLflow at http://127.0.0.1:1"),
    ],
)
def test_an_external_service_that_does_not_answer(overrides, says, tmp_path):
    service = overrides[0].split(".")[0]
    finding = found(tmp_path, *overrides)[f"external {service}"]
    assert (finding.ok, finding.essential) == (False, True)
    assert says in finding.sentence


def test_a_state_file_that_cannot_be_read_is_a_finding(tmp_path):
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "state.json").write_text("{")
    finding = found(tmp_path)["state"]
    assert (finding.ok, finding.essential) == (False, True)
