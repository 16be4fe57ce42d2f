"""The wheel does all that the checkout does: installed elsewhere, and zipped for spark-submit.

The interpreter runs without `site` (-S), so that the editable install cannot stand in for the wheel.
"""

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from pipelines.connectors.kafka import Producer, ensure_topics, planned_topics
from pipelines.connectors.lake_reader import LakeReader
from pipelines.connectors.names import Names
from pipelines.runtime.embedded import Endpoints
from pipelines.runtime.embedded.jars import ensure_jars
from tests.conftest import open_folder
from tests.records import CLICK

CHECKOUT = Path(__file__).parents[2]
LIBRARIES = sysconfig.get_path("purelib")
PACKAGES = ("jobs", "pipelines", "serving", "training")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(folder),
        str(CHECKOUT),
    ]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = folder.glob("clicklake-*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        str(folder),
    ]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
    return folder


def python(*arguments: str, path: Path, cwd: Path) -> str:
    """Standard output of the interpreter with `path` and the libraries, and nothing of the checkout."""
    environ = {
        **os.environ,
        "PYTHONPATH": f"{path}{os.pathsep}{LIBRARIES}",
        "CLICKLAKE_SET": f"var_dir={cwd}/var",
    }
    environ.pop("CLICKLAKE_CONF_DIR", None)
    done = subprocess.run(
        [sys.executable, "-S", *arguments], cwd=cwd, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_everything_of_the_packages_and_of_conf_is_in_the_wheel(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    files = [name for name in tracked.stdout.split("\0") if (CHECKOUT / name).is_file()]
    expected = {name for name in files if name.startswith(tuple(f"{package}/" for package in PACKAGES))}
    expected |= {f"pipelines/{name}" for name in files if name.startswith("conf/")}
    assert expected - inside == set()
    assert [name for name in inside if name.startswith(("tests", "notebooks", "docs", "conf"))] == []


@pytest.mark.parametrize("zipped", [False, True])
def test_code_and_files_come_from_the_wheel_and_not_from_the_checkout(wheel, installed, tmp_path, zipped):
    source = wheel if zipped else installed
    shown = python("-c", _LOOK_AROUND, path=source, cwd=tmp_path)
    seen = json.loads(shown)
    assert [place for place in seen["places"] if not place.startswith(str(source))] == []
    assert seen["conf"].startswith(str(source)) is not zipped
    assert seen["mappings"] == sorted(path.stem for path in (CHECKOUT / "conf" / "mappings").glob("*.sql"))
    assert seen["migrations"]
    assert seen["jars"] > 10
    assert seen["page"] > 1000
    assert not Path(seen["conf"]).exists() if zipped else Path(seen["conf"]).is_dir()


_LOOK_AROUND = """
import json, jobs, pipelines, serving, training
from importlib import resources
from pipelines.connectors.mapping import load_mapping, mapping_names
from pipelines.connectors.postgres import packaged_migrations
from pipelines.runtime.embedded.jars import listed_jars
from pipelines.settings import conf_dir, load_settings
names = mapping_names(conf_dir() / "mappings")
for name in names:
    load_mapping(name, folder=conf_dir() / "mappings")
load_settings()
print(json.dumps({
    "places": [package.__file__ for package in (jobs, pipelines, serving, training)],
    "conf": str(conf_dir()),
    "mappings": names,
    "migrations": [migration.name for migration in packaged_migrations()],
    "jars": len(listed_jars("spark")),
    "page": len((resources.files("serving.console") / "static" / "index.html").read_bytes()),
}))
"""


@pytest.mark.parametrize("zipped", [False, True])
def test_the_command_line_runs_from_the_wheel(wheel, installed, tmp_path, zipped):
    source = wheel if zipped else installed
    assert "demo" in python("-m", "jobs.cli", "--help", path=source, cwd=tmp_path)
    assert "rees46" in python("-m", "jobs.cli", "mapping", "list", path=source, cwd=tmp_path)
    assert "land_bronze" in python("-m", "jobs.cli", "run", path=source, cwd=tmp_path)


@pytest.mark.spark
@pytest.mark.services
@pytest.mark.timeout(500)
def test_spark_submit_runs_a_job_from_the_zipped_wheel(wheel, stack: Endpoints, stack_names: Names, tmp_path):
    """Kafka to bronze to silver, with the parser in Spark's Python workers, from another folder."""
    _send_clicks(stack)
    ensure_jars("spark", names=stack_names)
    job = tmp_path / "jobs" / "stream_lake.py"
    job.parent.mkdir()
    job.write_text((CHECKOUT / "jobs" / "stream_lake.py").read_text())
    with open_folder() as lake:
        done = _submit(job, "--available-now", wheel=wheel, stack=stack, names=stack_names, lake=lake)
        assert done.returncode == 0, done.stderr[-3000:]
        reader = LakeReader(Names.of(var_dir=str(stack_names.var_dir), lake=str(lake)))
        rows = reader.rows("select event_id from silver.events where visitor_id = 'from the wheel'")
    assert sorted(row["event_id"] for row in rows) == ["w0", "w1", "w2"]


def _send_clicks(stack: Endpoints) -> None:
    ensure_topics(stack.kafka, planned_topics(), partitions=2, max_message_bytes=8_388_608)
    with Producer(stack.kafka, max_message_bytes=8_388_608) as producer:
        for number in range(3):
            click = {**CLICK, "event_id": f"w{number}", "visitor_id": "from the wheel"}
            producer.send("clicks", key=b"from the wheel", value=json.dumps(click).encode())
        producer.flush()


def _submit(
    job: Path, *arguments: str, wheel: Path, stack: Endpoints, names: Names, lake: Path
) -> subprocess.CompletedProcess[str]:
    interpreter = job.parent / "python"
    interpreter.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    interpreter.chmod(0o755)
    settings = [f"var_dir={names.var_dir}", f"lake={lake}", f"kafka.bootstrap={stack.kafka}"]
    environ = {
        **os.environ,
        "PYTHONPATH": LIBRARIES,
        "PYSPARK_PYTHON": str(interpreter),
        "CLICKLAKE_PROFILE": "local",
        "CLICKLAKE_SET": "\n".join(settings),
    }
    jars = ",".join(str(jar) for jar in sorted((names.jars / "spark").glob("*.jar")))
    submit = [str(Path(sys.executable).with_name("spark-submit")), "--master", "local[2]", "--jars", jars]
    submit += ["--driver-java-options", "-XX:TieredStopAtLevel=1", "--conf", "spark.ui.enabled=false"]
    call = [*submit, "--py-files", str(wheel), str(job), *arguments]
    return subprocess.run(call, cwd=job.parent, env=environ, capture_output=True, text=True, check=False)
