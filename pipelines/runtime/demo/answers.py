"""What the demo's children have to say: by HTTP, and in files that they write."""

import http.client
import json
import urllib.request
from pathlib import Path
from typing import Any

_ANSWER_SECONDS = 10


def page_answers(url: str) -> bool:
    """Whether the page is there."""
    try:
        with urllib.request.urlopen(url, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310 - our own page
            return bool(answer.status == http.client.OK)
    except OSError:
        return False


def read_fresh(file: Path, *, pid: int) -> dict[str, Any]:
    """The object in a file that this very process has written; empty before it has."""
    content = read_json_file(file)
    return content if content.get("pid") == pid else {}


def read_json_file(file: Path) -> dict[str, Any]:
    """The object in a file; empty when there is none."""
    return read_json(file.read_text()) if file.is_file() else {}


def read_json(text: str) -> dict[str, Any]:
    """The object in a text; empty when it holds none."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
