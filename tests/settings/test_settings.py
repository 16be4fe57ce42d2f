"""The settings tree: layers, references, secrets, and one sentence for each mistake."""

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import SettingsError
from pipelines.settings import Secret, Settings, child_environment, conf_dir, load_settings

SHIPPED = conf_dir({})


def load(*overrides: str, conf: str | Path | None = None, **environ: str) -> Settings:
    return load_settings(conf_file=str(conf) if conf else None, overrides=overrides, environ=environ)


def mistake(*overrides: str, conf: str | Path | None = None, **environ: str) -> str:
    with pytest.raises(SettingsError) as error:
        load(*overrides, conf=conf, **environ)
    sentence = str(error.value)
    assert error.value.exit_code == 2
    assert sentence.endswith((".", "?"))
    assert "\n" not in sentence
    return sentence


@pytest.fixture
def overlay(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        return path

    return write


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


SENTENCES: dict[str, tuple[str, str]] = {
    "unknown section": ("kafca: {}", "{file}: `kafca` is not a setting, did you mean `kafka`?"),
    "unknown key": ("kafka: {prot: 1}", "{file}: `kafka.prot` is not a setting, did you mean `port`?"),
    "nothing near": ("log: {zzz: 1}", "{file}: `log.zzz` is not a setting; known here: level, format."),
    "wrong type": ("kafka: {port: many}", "{file}: `kafka.port`: expected `int`, got `str`."),
    "wrong word": ("log: {level: loud}", "{file}: `log.level`: invalid enum value 'loud'."),
    "a value for a section": ("kafka: 9092", "{file}: `kafka`: expected `object`, got `int`."),
    "null where needed": ("var_dir: null", "{file}: `var_dir`: expected `str`, got `null`."),
    "missing in a list": ("bindings: [{topic: a}]", "{file}: `bindings.mapping` is missing."),
    "unknown in a list": (
        "bindings: [{topic: a, mapping: b, x: 1}]",
        "{file}: `bindings.x` is not a setting; known here: topic, mapping.",
    ),
    "no variable": (
        "postgres: {password: '${env:NOPE}'}",
        "{file}: `postgres.password` needs the environment variable NOPE, which is not set.",
    ),
    "no file": (
        "postgres: {password: '${file:/nope}'}",
        "{file}: `postgres.password` needs the file /nope: No such file or directory.",
    ),
    "a secret of another type": (
        "postgres: {password: 12}",
        "{file}: `postgres.password`: expected `str`, got `int`.",
    ),
    "a key that is no text": ("kafka: {on: 1}", "{file}: the key `True` is no text: write it in quotes."),
    "such a key in a list": ("bindings: [{1: a}]", "{file}: the key `1` is no text: write it in quotes."),
    "a port that is none": ("kafka: {port: 70000}", "{file}: `kafka.port`: expected `int` <= 65535."),
    "a share above one": (
        "simulator: {late_share: 5}",
        "{file}: `simulator.late_share`: expected `float` <= 1.0.",
    ),
    "no records": ("bronze: {max_records: 0}", "{file}: `bronze.max_records`: expected `int` >= 1."),
    "no size": ("silver: {max_mib: 0}", "{file}: `silver.max_mib`: expected `int` >= 1."),
    "a bound of the other query": (
        "silver: {max_records: 5}",
        "{file}: `silver.max_records` is not a setting; known here: trigger_seconds, max_mib.",
    ),
    "a list": ("[1]", "{file}: must hold keys and values, not a list."),
}


@pytest.mark.parametrize(("text", "sentence"), SENTENCES.values(), ids=SENTENCES.keys())
def test_a_mistake_in_a_file_names_key_and_file(overlay, text, sentence):
    path = overlay(text)
    assert mistake(conf=path) == sentence.format(file=path)


def test_broken_yaml_names_file_and_line(overlay):
    path = overlay("kafka:\n  port: [")
    assert mistake(conf=path).startswith(f"{path}: is not valid YAML: ")
    assert "line 2" in mistake(conf=path)


def test_a_file_that_is_not_there(tmp_path):
    path = tmp_path / "none.yaml"
    assert mistake(conf=path) == f"{path}: cannot be read (No such file or directory)."


def test_a_profile_that_is_not_there():
    sentence = mistake(CLICKLAKE_PROFILE="prod")
    assert sentence.startswith("CLICKLAKE_PROFILE names `prod`, but ")
    assert sentence.endswith("the profiles are ci, cluster, compose, local.")


def test_the_cluster_profile_says_which_variable_it_needs():
    assert mistake(CLICKLAKE_PROFILE="cluster") == (
        "conf/cluster.yaml: `lake` needs the environment variable CLICKLAKE_LAKE, which is not set."
    )


@pytest.mark.parametrize("override", ["kafka.port", "=1", " =1", "", "port 9092"])
def test_an_override_that_is_no_pair(override):
    assert mistake(override) == f"--set {override}: write it as key=value, such as kafka.port=9192."


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("kafka.port=x", "--set kafka.port: `kafka.port`: expected `int`, got `str`."),
        ("kafka.prot=1", "--set kafka.prot: `kafka.prot` is not a setting, did you mean `port`?"),
        ("kafka=1", "--set kafka: `kafka`: expected `object`, got `int`."),
        ("kafka.port.x=1", "--set kafka.port.x: `kafka.port`: expected `int`, got `object`."),
    ],
)
def test_a_mistake_in_an_override_names_it(override, sentence):
    assert mistake(override) == sentence


def test_the_mistake_is_blamed_on_the_layer_that_gave_the_value(overlay):
    mine = overlay("kafka: {port: x}")
    assert mistake("kafka.heap_mb=1", conf=mine).startswith(f"{mine}: `kafka.port`")
    assert mistake("kafka.port=y", conf=mine).startswith("--set kafka.port: ")
    assert load("kafka.port=1", conf=mine).kafka.port == 1


def test_a_mistake_in_the_defaults_is_blamed_on_them(tmp_path):
    folder = tmp_path / "conf"
    shutil.copytree(SHIPPED, folder)
    text = (folder / "base.yaml").read_text()
    (folder / "base.yaml").write_text(text.replace("heap_mb: 512", "heap_mb: lots"))
    sentence = mistake(CLICKLAKE_CONF_DIR=str(folder))
    assert sentence.endswith("base.yaml: `kafka.heap_mb`: expected `int`, got `str`.")
    (folder / "base.yaml").write_text(text.replace("  heap_mb: 512", "  #"))
    assert mistake(CLICKLAKE_CONF_DIR=str(folder)).endswith("base.yaml: `kafka.heap_mb` is missing.")


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


def complaint(*overrides: str, conf: Path | None = None) -> str | None:
    """The sentence, or none where the settings load; any other error is the test's."""
    try:
        assert isinstance(load(*overrides, conf=conf), Settings)
    except SettingsError as error:
        return str(error)
    return None


LEAVES: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
KEYS = st.sampled_from(["kafka", "port", "log", "level", "spark", "conf", "bindings", "var_dir", "lake", "x"])
TREES = st.dictionaries(
    KEYS | st.integers() | st.booleans(),
    st.recursive(
        LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_size=4,
)


@given(tree=TREES)
def test_any_overlay_loads_or_is_one_sentence(tmp_path_factory, tree):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(yaml.safe_dump(tree))
    told = complaint(conf=path)
    assert told is None or (str(path) in told and "\n" not in told)


@given(override=st.text())
def test_any_override_loads_or_is_an_error_of_settings(override):
    told = complaint(override)
    assert told is None or told.startswith("--set ")


@given(text=st.binary(max_size=60))
def test_any_bytes_in_a_file_load_or_are_an_error_of_settings(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(text)
    told = complaint(conf=path)
    assert told is None or str(path) in told
