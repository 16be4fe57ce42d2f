"""What callers send and get: read strictly, so that a mistake is named with its field."""

import re
from typing import Annotated, Any

import msgspec

from pipelines.contracts.fields import MAX_ID_CHARACTERS

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID_CHARACTERS, pattern="^[^\0]+$")]
_QUOTED = re.compile(r"field `([^`]+)`")
_PLACE = re.compile(r" - at `\$\.?([^`]*)`$")


class Refusal(Exception):  # noqa: N818 - an answer to the caller, not an error of ours
    """The request is not answered as asked: `status`, a word for programs, a sentence, the field at fault."""

    def __init__(
        self,
        status: int,
        error: str,
        detail: str,
        *,
        field: str | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(status, error)
        self.status = status
        self.content = {"error": error, "detail": detail, "field": field}
        self.headers = headers


class Ask(msgspec.Struct, forbid_unknown_fields=True):
    """One decision that is asked for. With `decision_id` the same question is answered once only."""

    problem: str
    visitor_id: Id
    session_id: Id | None = None
    product_id: Id | None = None
    user_id: Id | None = None
    decision_id: Id | None = None
    events: list[dict[str, Any]] = []

    def keys(self) -> dict[str, str | None]:
        """What names the entities that it is about."""
        return {
            "visitor_id": self.visitor_id,
            "user_id": self.user_id,
            "session_id": self.session_id,
            "product_id": self.product_id,
        }


class _Batch(msgspec.Struct, forbid_unknown_fields=True):
    decisions: list[Ask]


class StalePart(msgspec.Struct):
    """A part that did not answer, and how old what was used in its place is; null: there was nothing."""

    part: str
    age_ms: int | None


class RefusedEvent(msgspec.Struct):
    """An event of the caller's that does not count: its place, the field at fault, the rule it breaks."""

    index: int
    field: str | None
    reason: str
    detail: str


class Answer(msgspec.Struct):
    """A decision as its caller gets it."""

    decision_id: str
    problem: str
    action: str
    products: msgspec.Raw
    probability: float | None
    model: str | None
    model_version: int | None
    reason: str
    stale: list[StalePart]
    expires: str
    refused_events: list[RefusedEvent]


_ask = msgspec.json.Decoder(Ask)
_batch = msgspec.json.Decoder(_Batch)
_any = msgspec.json.Decoder()


def read_asks(body: bytes) -> tuple[list[Ask], bool]:
    """What a body asks for, and whether it is a batch. Raises `Refusal`."""
    try:
        try:
            return [_ask.decode(body)], False
        except msgspec.ValidationError:
            if not _is_batch(body):
                raise
            return _batch.decode(body).decisions, True
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    except RecursionError:
        raise Refusal(400, "unreadable_body", "the JSON is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError, OverflowError) as error:
        raise Refusal(400, "unreadable_body", f"the body is not JSON: {str(error)[:80]}") from None


def _is_batch(body: bytes) -> bool:
    found = _any.decode(body)
    return isinstance(found, dict) and "decisions" in found


def _invalid(message: str) -> Refusal:
    """The answer to what msgspec says, with the path of the field that it is about."""
    place = _PLACE.search(message)
    quoted = _QUOTED.search(message)
    path = [place.group(1)] if place and place.group(1) else []
    field = ".".join([*path, *([quoted.group(1)] if quoted else [])])
    return Refusal(422, "invalid", _PLACE.sub("", message), field=field or None)
