"""Views over the lake, one SQL file each, in the words that DuckDB and Spark read alike. Found by file name.

A file begins with a comment: the grain, a line `Keys: ...`, then what the columns mean. Tables and other
views are named in braces, `{silver.users}`. What is ordered says so down to one row: DuckDB and Spark
put nulls at different ends, and DuckDB's `max_by` passes over null values, so none may reach either.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from importlib import resources

_READS = re.compile(r"\{([a-z]+\.[a-z_]+)\}")
_FILE = re.compile(r"((?:--[^\n]*\n)+)(.+)", re.DOTALL)
_HEAD = re.compile(r"(?P<grain>.+?) Keys: (?P<keys>[^.]+)\.(?P<meaning>.*)", re.DOTALL)


@dataclass(frozen=True)
class View:
    """One view `silver.<file>`: its grain, its key columns, what it means, and its statement.

    A file that names its layer itself, `gold.<name>.sql`, is the view of that name.
    """

    name: str
    grain: str
    keys: tuple[str, ...]
    meaning: str
    statement: str

    @property
    def reads(self) -> tuple[str, ...]:
        """The tables and views that it reads, by name."""
        return tuple(sorted(set(_READS.findall(self.statement))))

    def sql(self, placeholders: Mapping[str, str]) -> str:
        """The select, each table that it reads replaced by the text given for it."""
        return _READS.sub(lambda found: placeholders[found[1]], self.statement)


@cache
def all_views() -> dict[str, View]:
    """Every view by name; one that reads another comes after it."""
    files = [entry for entry in resources.files(__name__).iterdir() if entry.name.endswith(".sql")]
    found = [_view(entry.name.removesuffix(".sql"), entry.read_text(encoding="utf-8")) for entry in files]
    views = {view.name: view for view in sorted(found, key=lambda view: view.name)}
    order = TopologicalSorter({name: set(view.reads) & set(views) for name, view in views.items()})
    return {name: views[name] for name in order.static_order()}


def _view(name: str, text: str) -> View:
    file = _FILE.fullmatch(text)
    head = _HEAD.fullmatch(" ".join(re.findall(r"^-- ?(.*)$", file[1], re.MULTILINE))) if file else None
    if file is None or head is None:
        raise ValueError(f"pipelines/contracts/views/{name}.sql: begins with no grain and `Keys: ...`")
    keys = tuple(key.strip() for key in head["keys"].split(","))
    named = name if "." in name else f"silver.{name}"
    return View(named, head["grain"], keys, head["meaning"].strip(), file[2].strip())
