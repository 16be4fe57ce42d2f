"""A small mapping, files for it, and what it makes of them."""

import gzip
import json
from pathlib import Path

import pytest

from pipelines.connectors.mapping import Mapping, open_files
from pipelines.errors import MappingError

SQL = """
-- @column id = id | event_id
-- @column time = time
-- @column visitor = visitor | cookie
-- @column page? = page
-- @topic clicks
select _row, id as event_id, 'page_view' as event_type, time as occurred_at, visitor as visitor_id,
  page as page_url, _rest as properties from input
"""

T = "2024-01-01T00:00:0{}Z"


def records(mapping: Mapping, *paths: Path, limit: int | None = None, shift_micros: int = 0) -> list[dict]:
    with open_files(mapping, paths, limit=limit) as files:
        return [json.loads(one.value) for one in files.records(shift_micros=shift_micros)]


def refusal(mapping: Mapping, *paths: Path) -> str:
    with pytest.raises(MappingError) as error, open_files(mapping, paths):
        pass
    text = str(error.value)
    assert "\n" not in text
    return text


def write(path: Path, content: str | bytes) -> Path:
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def click(number: int, visitor: str, **further) -> dict:
    return {
        "event_id": str(number),
        "event_type": "page_view",
        "occurred_at": T.format(number),
        "visitor_id": visitor,
        **further,
    }
