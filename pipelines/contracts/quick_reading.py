"""The quick way from a decoded object to its row: through what the object holds, not what it could hold.

A broken rule is noticed here, but not always the first one: to name it is the exact way's business.
"""

from collections.abc import Sequence
from typing import Any

from pipelines.contracts.fields import Field, Invalid


class QuickReader:
    """Reads a record or a line whose texts hold no forbidden character."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._blank: dict[str, Any] = dict.fromkeys(field.name for field in fields)
        self._readers = {field.name: field.reader() for field in fields}
        # Length is the only rule of these that a text without forbidden characters can break.
        self._limits = {
            field.name: field.longest
            for field in fields
            if field.kind in ("id", "text") and not field.choices
        }
        self._required = tuple(field.name for field in fields if field.required)

    def read(self, record: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The row of the declared fields, and the fields that nobody declared.

        Raises `Invalid` when any rule is broken.
        """
        if type(record) is not dict:
            raise Invalid("wrong_type")
        row, undeclared = self._blank.copy(), {}
        limits, readers = self._limits, self._readers
        for name, value in record.items():
            if type(value) is str and len(value) <= limits.get(name, -1):
                row[name] = value or None
            elif name not in readers:
                undeclared[name] = value
            elif value is not None and value != "":
                row[name] = readers[name](value)
        for name in self._required:
            if row[name] is None:
                raise Invalid("missing", name)
        return row, undeclared
