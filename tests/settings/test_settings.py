"""The settings tree: layers, references, secrets."""

import msgspec
import pytest
import yaml

from pipelines.settings import Secret, Settings, child_environment, conf_dir, load_settings
from tests.settings.loading import load, mistake

SHIPPED = conf_dir({})


def test_base_alone_is_a_whole_tree_and_every_key_is_explained():
    lines = (SHIPPED / "base.yaml").read_text().splitlines()
    given_keys = [line.split(":")[0].strip() for line in lines if line.strip() and not line.startswith("#")]
    tree = msgspec.to_builtins(load(), enc_hook=repr)
    sections = [key for value in tree.values() if isinstance(value, dict) for key in value]
    assert {*tree, *sections} <= set(given_keys)


PROFILES = [path.stem for path in SHIPPED.glob("*.yaml") if path.stem not in ("base", "traffic_sources")]


@pytest.mark.parametrize("profile", PROFILES)
def test_every_shipped_profile_loads_and_its_file_holds_only_what_differs(profile):
    environ = {
        "CLICKLAKE_LAKE": "s3://bucket/lake",
        "CLICKLAKE_KAFKA": "broker:9092",
        "CLICKLAKE_POSTGRES_HOST": "db",
        "CLICKLAKE_POSTGRES_PASSWORD": "x",
        "POSTGRES_PASSWORD": "x",
        "DASHBOARD_PASSWORD": "x",
        "CLICKLAKE_MLFLOW": "https://mlflow.example",
    }
    assert isinstance(load(CLICKLAKE_PROFILE=profile, **environ), Settings)
    overlay = yaml.safe_load((SHIPPED / f"{profile}.yaml").read_text()) or {}
    base = yaml.safe_load((SHIPPED / "base.yaml").read_text())
    assert [key for key, value in overlay.items() if value == base[key]] == []


def test_later_layers_win_and_leave_the_rest(overlay):
    mine = overlay("kafka: {port: 1001, heap_mb: 100}\nspark: {driver_memory: 3g}\n")
    found = load(
        "kafka.port=1003",
        conf=mine,
        CLICKLAKE_PROFILE="ci",
        CLICKLAKE_SET="kafka.port=1002\nkafka.heap_mb=200",
    )
    assert (found.kafka.port, found.kafka.heap_mb) == (1003, 200)
    assert (found.spark.driver_memory, found.spark.master) == ("3g", "local[2]")
    assert found.postgres.port == 5432


def test_the_environment_can_name_the_file(overlay):
    assert load(CLICKLAKE_CONF=str(overlay("kafka: {port: 1001}"))).kafka.port == 1001


def test_a_conf_file_given_by_hand_beats_the_environment(tmp_path, overlay):
    other = tmp_path / "other.yaml"
    other.write_text("kafka: {port: 1002}")
    assert load(conf=other, CLICKLAKE_CONF=str(overlay("kafka: {port: 1001}"))).kafka.port == 1002


def test_a_setting_of_spark_may_hold_dots_in_a_file(overlay):
    found = load(conf=overlay('spark: {conf: {spark.executor.memory: "4g"}}'))
    assert found.spark.conf["spark.executor.memory"] == "4g"
    assert found.spark.conf["spark.sql.shuffle.partitions"] == "2"


def test_the_tree_is_frozen():
    with pytest.raises(AttributeError):
        load().kafka.port = 1  # type: ignore[misc]


def test_references_are_replaced_by_variable_and_file(tmp_path):
    (tmp_path / "password").write_text("from a file\n")
    by_file = load(f"postgres.password=${{file:{tmp_path / 'password'}}}").postgres.password
    by_variable = load("postgres.password=${env:PW}", PW="from a variable").postgres.password
    assert by_file is not None
    assert by_variable is not None
    assert (by_file.reveal(), by_variable.reveal()) == ("from a file", "from a variable")


def test_references_are_replaced_in_lists_too(overlay):
    found = load(
        conf=overlay("http: {cors_origins: ['${env:SHOP}', 'https://b.example']}"), SHOP="https://a.example"
    )
    assert found.http.cors_origins == ["https://a.example", "https://b.example"]


def test_a_child_reads_the_same_settings(overlay):
    mine = overlay("kafka: {port: 1001}")
    environ = {"CLICKLAKE_SET": "kafka.heap_mb=300", "CLICKLAKE_PROFILE": "ci"}
    child = child_environment(conf_file=str(mine), overrides=["http.port=1002"], environ=environ)
    here = load_settings(conf_file=str(mine), overrides=["http.port=1002"], environ=environ)
    assert load_settings(environ=child) == here
    assert (here.kafka.port, here.kafka.heap_mb, here.http.port) == (1001, 300, 1002)


def test_a_secret_never_shows_itself(overlay):
    found = load("postgres.password=hunter2")
    shown = [
        repr(found),
        str(found),
        f"{found.postgres.password}",
        repr(found.postgres),
        f"{found.postgres!s}",
    ]
    assert [text for text in shown if "hunter2" in text] == []
    assert found.postgres.password == Secret("hunter2")
    assert found.postgres.password is not None
    assert found.postgres.password.reveal() == "hunter2"
    assert "hunter2" not in mistake(conf=overlay("postgres: {password: [hunter2]}"))
