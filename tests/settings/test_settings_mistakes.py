"""Mistakes in settings: one sentence for each, that names key and file."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import SettingsError
from pipelines.settings import Settings, conf_dir
from tests.settings.loading import load, mistake

SHIPPED = conf_dir({})

SENTENCES: dict[str, tuple[str, str]] = {
    "unknown section": ("kafca: {}", "{file}: `kafca` is not a setting, did you mean `kafka`?"),
    "unknown key": ("kafka: {prot: 1}", "{file}: `kafka.prot` is not a setting, did you mean `port`?"),
    "nothing near": ("log: {zzz: 1}", "{file}: `log.zzz` is not a setting; known here: level, format."),
    "wrong type": ("kafka: {port: many}", "{file}: `kafka.port`: expected `int`, got `str`."),
    "wrong word": (
        "log: {level: loud}",
        "{file}: `log.level`: invalid enum value 'loud'; it is one of debug, info, warning, error.",
    ),
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
