"""The user's own functions on VIP actions: SQL within the route, Python in its micro-batch variant."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any

import msgspec
import pyarrow as pa
from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import DataFrame

from pipelines.contracts.vips import DETAIL_HEADER, FUNCTION_FAILED, REASON_HEADER
from pipelines.errors import SettingsError
from pipelines.gold.vips.messages import MESSAGE_COLUMNS, Output, function_type, refusal
from pipelines.runtime.streams.faults import one_line

Action = dict[str, Any]
PythonFunction = Callable[[Action], Action | None]
_DETAIL_CHARACTERS = 400


def check_sql(rows: DataFrame, output: Output) -> None:
    """Raise `SettingsError` when `vip.function` cannot be applied to such rows."""
    if output.function is None:
        return
    try:
        why = refusal(function_type(rows, output.function), output)
    except (AnalysisException, ParseException) as error:
        why = one_line(error)
    if why is not None:
        raise SettingsError(f"vip.function: `{output.function}` cannot be used: {why.rstrip('.')}.")


def load_function(name: str) -> PythonFunction:
    """The function `module:name`. Raises `SettingsError` when it cannot be called with one action."""
    module, separator, attribute = name.partition(":")
    if not (separator and module and attribute):
        raise SettingsError(f"vip.python_function: `{name}` has to be written as module:name.")
    try:
        found = getattr(import_module(module), attribute)
        inspect.signature(found).bind({})
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise SettingsError(
            f"vip.python_function: `{name}` is no function of one action ({why}); the module must be on "
            "PYTHONPATH, or in --py-files."
        ) from None
    return found  # type: ignore[no-any-return]


def with_results(messages: DataFrame, *, function: str, topic: str, dead_letters: str) -> DataFrame:
    """The messages, and what the Python function makes of each action, as JSON in `topic`.

    None gives nothing; an action that it fails on, and a result that is no JSON object, is a dead letter
    with the bytes of the click.
    """
    schema = messages.select(*MESSAGE_COLUMNS).schema

    def apply(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        call = load_function(function)
        for batch in batches:
            rows = [row for one in batch.to_pylist() for row in _results(one, call, topic, dead_letters)]
            yield pa.RecordBatch.from_pylist(rows, schema=batch.select(MESSAGE_COLUMNS).schema)

    return messages.mapInArrow(apply, schema)


def _results(row: Action, call: PythonFunction, topic: str, dead_letters: str) -> Iterator[Action]:
    """The message itself, then the function's."""
    yield {name: row[name] for name in MESSAGE_COLUMNS}
    if row["action"] is None:
        return
    try:
        made = call({name: value for name, value in row["action"].items() if value is not None})
        if made is not None and not isinstance(made, dict):
            raise TypeError(f"it gave {type(made).__name__}, not a dict or None")
        value = None if made is None else msgspec.json.encode(made)
    except Exception as error:
        told = [(REASON_HEADER, FUNCTION_FAILED), (DETAIL_HEADER, one_line(error)[:_DETAIL_CHARACTERS])]
        headers = [*row["headers"], *({"key": key, "value": text.encode()} for key, text in told)]
        yield _message(dead_letters, row["original_key"], row["original_value"], headers)
        return
    if value is not None:
        yield _message(topic, row["key"], value, row["headers"])


def _message(topic: str, key: bytes | None, value: bytes | None, headers: list[Action]) -> Action:
    return dict(zip(MESSAGE_COLUMNS, (topic, key, value, headers), strict=True))
