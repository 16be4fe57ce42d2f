"""What a panel is: one question to the schema `dashboard`, and how its answer is drawn on any screen.

What a statement answers depends on the kind:

| kind | columns |
| --- | --- |
| `stat` | `label`, `value`: one figure a row |
| `timeseries` | `time`, `series`, `value`: ordered by time |
| `bars` | `label`, `value`; where each label has several bars `label`, `series`, `value`: in order |
| `table` | any: in the order to be shown |

A statement may name these parameters in braces: `{since}` and `{until}`, the range of time (timestamptz,
`since` included, `until` not); `{model}`, the chosen attribution model (text); `{look_back}`, seconds
(integer); `{step}`, how wide a bucket of time should be, a minute or more (interval).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["stat", "timeseries", "bars", "table"]
Unit = Literal["count", "decimal", "money", "seconds", "share", "text"]
"""`count`: whole; `decimal`: with fractions, such as orders shared among sources; `money`: an amount in
major units, whose currency is in a label or another column; `share`: 1 is the whole."""
PARAMETERS = frozenset({"since", "until", "model", "look_back", "step"})
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Threshold:
    """From the value `at` on, a figure has this tone; below the first it is good."""

    at: float
    tone: Literal["warn", "bad"]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One panel. `board` groups panels, `place` orders them in it; a row of a board has twelve columns.

    `stacked` says that the values of a time or label add up to something. `units` are those of a table's
    columns, by name; the others are texts.
    """

    title: str
    description: str
    board: str
    place: int
    kind: Kind
    sql: str
    unit: Unit = "count"
    columns: Literal[3, 4, 6, 8, 12] = 6
    stacked: bool = False
    thresholds: tuple[Threshold, ...] = ()
    units: Mapping[str, Unit] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = self.takes - PARAMETERS
        if unknown:
            raise ValueError(f"the panel `{self.title}` takes {sorted(unknown)}; known: {sorted(PARAMETERS)}")

    @property
    def takes(self) -> frozenset[str]:
        """The parameters that the statement names."""
        return frozenset(_PLACEHOLDER.findall(self.sql))

    @property
    def has_series(self) -> bool:
        """Whether the answer has a column `series`."""
        return re.search(r"\bas series\b", self.sql) is not None

    def render(self, placeholders: Mapping[str, str], *, percent: str = "%") -> str:
        """The statement, each parameter replaced by the text a screen has for it.

        `percent` is what the screen wants for the statement's own percent signs.
        """
        text = self.sql.strip().replace("%", percent)
        return _PLACEHOLDER.sub(lambda found: placeholders[found[1]], text)
