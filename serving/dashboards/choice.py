"""What a viewer of the panels may choose, checked before the database is asked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.contracts.panels import all_panels

MOST_MINUTES = 31 * 24 * 60
_LONGEST_LOOK_BACK = 400 * 24 * 3600
_MODEL = re.compile(r"[a-z0-9_]{1,60}")
_FIELDS = ("board", "model", "look_back", "minutes")


class BadChoiceError(Exception):
    """A choice that is not offered: `field` is wrong for the reason `detail`."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field
        self.detail = detail


@dataclass(frozen=True)
class Choice:
    """A board, or none for all; the last `minutes`; model and look-back in seconds, or none for the usual."""

    board: str | None = None
    model: str | None = None
    look_back: int | None = None
    minutes: int = 60


def read_choice(query: Mapping[str, str]) -> Choice:
    """The choice that a query string names. Raises `BadChoiceError`."""
    for name in query:
        if name not in _FIELDS:
            raise BadChoiceError(name[:60], f"is not known; known are {', '.join(_FIELDS)}")
    look_back = query.get("look_back")
    return Choice(
        board=_board(query.get("board")),
        model=_model(query.get("model")),
        look_back=None if look_back is None else _whole("look_back", look_back, most=_LONGEST_LOOK_BACK),
        minutes=_whole("minutes", query.get("minutes", "60"), most=MOST_MINUTES),
    )


def resolve(choice: Choice, models: Mapping[str, list[int]]) -> tuple[str, int]:
    """Model and look-back in seconds; what was not chosen is the first-click model, the shortest look-back.

    Raises `BadChoiceError` when that model or look-back has no figures, while others have.
    """
    if not models:
        return choice.model or "first", choice.look_back or 0
    model = choice.model or ("first" if "first" in models else next(iter(models)))
    if model not in models:
        raise BadChoiceError("model", f"there are figures of {', '.join(models)}")
    look_back = choice.look_back or models[model][0]
    if look_back not in models[model]:
        raise BadChoiceError(
            "look_back", f"there are figures of {', '.join(map(str, models[model]))} seconds"
        )
    return model, look_back


def _board(text: str | None) -> str | None:
    boards = sorted({panel.board for panel in all_panels().values()})
    if text is not None and text not in boards:
        raise BadChoiceError("board", f"must be one of {', '.join(boards)}")
    return text


def _model(text: str | None) -> str | None:
    if text is not None and not _MODEL.fullmatch(text):
        raise BadChoiceError("model", "must be a model's name")
    return text


def _whole(field: str, text: str, *, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= most:
        raise BadChoiceError(field, f"must be a whole number from 1 to {most}")
    return int(text)
