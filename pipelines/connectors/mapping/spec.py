"""A mapping as data, and its reading from the text of a `.sql` file. No database in here."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pipelines.errors import MappingError

_DIRECTIVE = re.compile(r"^\s*--\s*@(\w+)[ \t]*(.*?)\s*$")
_COLUMN = re.compile(r"^([A-Za-z]\w*)(\?)?(?:\s*=\s*(.+))?$")
_REST = re.compile(r"\b_rest\b", re.IGNORECASE)
_FLAGS = ("files_only", "short_rows")
_DIRECTIVES = ("about", "column", *_FLAGS, "topic")


@dataclass(frozen=True)
class InputColumn:
    """A column that the selects may use, and the names it may have in the data, best first."""

    name: str
    required: bool
    accepted: tuple[str, ...]

    def found_in(self, present: dict[str, str]) -> str | None:
        """The column of the data to be read; `present` is by lower-case name."""
        return next((present[name.lower()] for name in self.accepted if name.lower() in present), None)


@dataclass(frozen=True)
class Output:
    """A column that a select gives; `kind` is a word of `records.kind_of`."""

    name: str
    kind: str


@dataclass(frozen=True)
class Select:
    """One select: its topic, where it begins in the file, and (once bound) its columns."""

    topic: str
    sql: str
    line: int
    outputs: tuple[Output, ...] = ()


@dataclass(frozen=True)
class Mapping:
    """A parsed mapping: plain data that can be pickled into Spark's workers.

    `files_only` mappings look at several rows at once, so they cannot be bound to a live topic.
    With `short_rows`, a CSV row may leave out its last columns; else such a row is damaged.
    """

    name: str
    source: str
    about: str
    columns: tuple[InputColumn, ...]
    selects: tuple[Select, ...]
    files_only: bool = False
    short_rows: bool = False

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics it gives records for, in the order of its selects."""
        return tuple(dict.fromkeys(select.topic for select in self.selects))

    @property
    def uses_rest(self) -> bool:
        """Whether a select reads `_rest`, the columns that are not declared, as one JSON object."""
        return any(_REST.search(select.sql) for select in self.selects)

    def place(self, select: Select) -> str:
        """Where a select stands, for messages."""
        return f"{self.source}, select for `{select.topic}` at line {select.line}"


def parse_mapping(text: str, *, name: str, source: str) -> Mapping:
    """The mapping in a file's text. Raises `MappingError` naming the line."""
    about: list[str] = []
    columns: list[InputColumn] = []
    flags: set[str] = set()
    selects: list[Select] = []
    for number, line in enumerate(text.splitlines(), start=1):
        match = _DIRECTIVE.match(line)
        where = f"{source}, line {number}"
        if match is None:
            _append_sql(selects, line, where)
        elif match[1] == "about":
            about.append(match[2])
        elif match[1] == "column":
            columns.append(_column(match[2], where))
        elif match[1] == "topic":
            selects.append(Select(match[2], "", number))
        elif match[1] in _FLAGS:
            flags.add(match[1])
        else:
            raise MappingError(f"{where}: `@{match[1]}` is none of {', '.join(_DIRECTIVES)}.")
    found = Mapping(
        name,
        source,
        " ".join(about),
        tuple(columns),
        tuple(_trimmed(selects)),
        files_only="files_only" in flags,
        short_rows="short_rows" in flags,
    )
    _check(found)
    return found


def _append_sql(selects: list[Select], line: str, where: str) -> None:
    if selects:
        selects[-1] = replace(selects[-1], sql=f"{selects[-1].sql}{line}\n")
    elif line.strip() and not line.lstrip().startswith("--"):
        raise MappingError(f"{where}: SQL stands before the first `-- @topic NAME`.")


def _trimmed(selects: list[Select]) -> Iterator[Select]:
    for select in selects:
        yield replace(select, sql=select.sql.rstrip().removesuffix(";"))


def _column(text: str, where: str) -> InputColumn:
    match = _COLUMN.match(text)
    accepted = tuple(part.strip() for part in (match[3] or match[1]).split("|")) if match else ()
    if match is None or not all(accepted):
        raise MappingError(
            f"{where}: write `@column name = name in the data | other name`, and `name?` when it may be "
            f"absent."
        )
    return InputColumn(match[1], not match[2], accepted)


def _check(mapping: Mapping) -> None:
    names = [column.name.lower() for column in mapping.columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise MappingError(f"{mapping.source}: `@column {twice}` is declared twice.")
    if not mapping.columns:
        raise MappingError(f"{mapping.source}: no `-- @column` says which columns the data has.")
    if not mapping.selects:
        raise MappingError(f"{mapping.source}: no `-- @topic NAME` with a select below it.")
    for select in mapping.selects:
        sql_lines = [line for line in select.sql.splitlines() if not line.lstrip().startswith("--")]
        if not "".join(sql_lines).strip():
            raise MappingError(f"{mapping.place(select)}: there is no select below it.")
