"""The documentation against the code: links lead somewhere, commands exist, questions get answers."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from jobs.cli.commands.run import job_names
from jobs.cli.main import cli
from pipelines.connectors.lake_reader import LakeReader
from pipelines.settings import load_settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS = [(path, path.read_text()) for path in PAGES]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_links_lead_to_files_and_headings(path):
    broken = []
    for target in re.findall(r"\]\((?!https?://)([^)\s]+)\)", path.read_text()):
        name, _, heading = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        found = there.exists()
        if not found or (heading and heading not in _headings(there)):
            broken.append(target)
    assert broken == []


def _headings(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_files_that_are_named_exist(path):
    pattern = r"`((?:pipelines|jobs|serving|conf|docs|tests|notebooks)/[\w/.-]+\.\w+|docker-compose\.yml)`"
    found = [
        name for name in re.findall(pattern, path.read_text()) if not re.search(r"NAME|NNNN|verb_", name)
    ]
    assert [name for name in found if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_commands_and_jobs_exist(path):
    text = path.read_text()
    called = set(re.findall(r"(?:^|`)clicklake ((?:--set \S+ )*)([a-z]+)\b", text, re.MULTILINE))
    commands = set(cli.list_commands(None))  # type: ignore[arg-type]
    assert {command for _, command in called} - commands == set()
    assert set(re.findall(r"clicklake run ([a-z_]+)", text)) - set(job_names()) == set()
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z]+)\b", text, re.MULTILINE)) - targets == set()


QUESTIONS = [
    shlex.split(call)[2]
    for _, text in TEXTS
    for call in re.findall(r"""^clicklake sql (?:"[^"$]*"|'[^'$]*')""", text, re.MULTILINE)
]


@pytest.mark.parametrize("question", QUESTIONS)
def test_questions_to_the_lake_are_answered(question, tiny_lake):
    LakeReader(tiny_lake.names).rows(question)


def test_there_are_questions():
    assert len(QUESTIONS) >= 3


SETTINGS = [
    (named(path), block)
    for path, text in TEXTS
    for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    if {"kafka", "bindings", "polls", "postgres", "privacy", "http", "schedules", "scorer"}
    & set(yaml.safe_load(block))
]


@pytest.mark.parametrize(("page", "block"), SETTINGS)
def test_examples_of_settings_load(page, block, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(block)
    load_settings(
        conf_file=str(path), environ=dict.fromkeys(("LAKE_DB_PASSWORD", "CLICKLAKE_PSEUDONYM_KEY"), "x" * 16)
    )


def test_every_page_is_reached_from_the_readme():
    seen, pending = set(), [ROOT / "README.md"]
    while pending:
        page = pending.pop()
        seen.add(page)
        links = re.findall(r"\]\((?!https?://)([^)\s#]+)", page.read_text())
        targets = {(page.parent / link).resolve() for link in links}
        pages = {inner for target in targets if target.is_dir() for inner in target.glob("*.md")}
        pending += [t for t in targets | pages if t.suffix == ".md" and t not in seen and t.is_file()]
    assert [named(page) for page in PAGES if page not in seen] == []
