"""The cache of jars: what counts as complete, and what a wrong or broken-off download leaves."""

import hashlib
import re
from pathlib import Path

import pytest

from pipelines.connectors.names import Names
from pipelines.errors import PrerequisiteError
from pipelines.runtime.embedded import jars
from pipelines.runtime.embedded.jars import JarSet, ensure_jars, listed_jars
from pipelines.settings import conf_dir

CONTENT = {"a-1.jar": b"a", "b-2.jar": b"b"}


@pytest.fixture
def names(tmp_path):
    return Names.of(var_dir=str(tmp_path / "var"), lake=None)


@pytest.fixture
def conf(tmp_path, monkeypatch):
    """A conf folder with a set `tiny` of two jars."""
    folder = tmp_path / "conf" / "jars"
    folder.mkdir(parents=True)
    (folder / "tiny.ivy.xml").write_text("<ivy-module/>")
    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in CONTENT.items()]
    (folder / "tiny.sha256").write_text("".join(lines))
    monkeypatch.setattr(jars, "conf_dir", lambda: tmp_path / "conf")
    return folder


class Registry:
    """Stands for Ivy: puts files where `ensure_jars` wants them, one list of files per attempt."""

    def __init__(self, *attempts: dict[str, bytes]) -> None:
        self.attempts = list(attempts)

    def __call__(self, _wanted: JarSet, *, cache: Path, into: Path, progress: object) -> str:
        into.mkdir(parents=True)
        for name, content in self.attempts.pop(0).items():
            (into / name).write_bytes(content)
        return ""


@pytest.fixture
def registry(monkeypatch):
    def install(*attempts: dict[str, bytes]) -> Registry:
        found = Registry(*attempts)
        monkeypatch.setattr(jars, "_retrieve", found)
        monkeypatch.setattr(jars.time, "sleep", lambda _: None)
        return found

    return install


def test_fetched_once_then_taken_from_the_cache(conf, names, registry):
    found = registry(CONTENT)
    first = ensure_jars("tiny", names=names)
    assert [path.name for path in first] == ["a-1.jar", "b-2.jar"]
    assert ensure_jars("tiny", names=names) == first
    assert found.attempts == []


def test_a_partial_or_wrong_download_is_tried_again_and_never_counts(conf, names, registry):
    registry({"a-1.jar": b"a"}, {**CONTENT, "b-2.jar": b"tampered"}, CONTENT)
    assert [path.read_bytes() for path in ensure_jars("tiny", names=names)] == [b"a", b"b"]


def test_a_jar_that_stays_wrong_is_named_and_nothing_is_cached(conf, names, registry):
    registry(*[{**CONTENT, "b-2.jar": b"tampered"}] * 3)
    with pytest.raises(PrerequisiteError, match=r"b-2\.jar has another sha256"):
        ensure_jars("tiny", names=names)
    assert not JarSet.of("tiny", names=names).is_cached()
    assert not (names.jars / "tiny").exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder, conf: (folder / "a-1.jar").unlink(),
        lambda folder, conf: (folder / "COMPLETE").unlink(),
        lambda folder, conf: (conf / "tiny.ivy.xml").write_text("<ivy-module version='2'/>"),
    ],
    ids=["a jar is gone", "no marker", "the list changed"],
)
def test_the_cache_is_not_valid_when(damage, conf, names, registry):
    registry(CONTENT, CONTENT)
    ensure_jars("tiny", names=names)
    damage(names.jars / "tiny", conf)
    assert not JarSet.of("tiny", names=names).is_cached()
    ensure_jars("tiny", names=names)
    assert JarSet.of("tiny", names=names).is_cached()


def test_ivy_s_own_problem_is_told(conf, names, monkeypatch):
    """The real Ivy, given a list that is no list."""
    (conf / "tiny.ivy.xml").write_text("<nonsense/>")
    (conf / "ivysettings.xml").write_text((conf_dir() / "jars" / "ivysettings.xml").read_text())
    monkeypatch.setattr(jars, "_ATTEMPTS", 1)
    with pytest.raises(PrerequisiteError, match=r"tiny\.ivy\.xml cannot be fetched: .*(nonsense|ivy-module)"):
        ensure_jars("tiny", names=names)


@pytest.mark.parametrize("name", ["spark", "kafka"])
def test_every_listed_jar_has_a_checksum(name):
    text = (conf_dir() / "jars" / f"{name}.ivy.xml").read_text()
    listed = {f"{jar}-{release}.jar" for jar, release in re.findall(r'name="([^"]+)" rev="([^"]+)"', text)}
    assert listed == listed_jars(name).keys()
