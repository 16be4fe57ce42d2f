"""The answers of the browser's door, apart from plain success."""

from collections.abc import Sequence

from starlette.responses import JSONResponse

from serving.incoming import Refused


class Turned(Exception):  # noqa: N818 - an answer to the client, not an error of ours
    """The request is not taken as a whole; `response` says why."""

    def __init__(self, response: JSONResponse) -> None:
        super().__init__(response.status_code)
        self.response = response


def problem(status: int, error: str, detail: str, *, retry_after: int | None = None) -> JSONResponse:
    """An answer to a whole request: a word for programs, a sentence for people."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    return JSONResponse({"error": error, "detail": detail}, status_code=status, headers=headers)


def judged(*, accepted: int, refused: Sequence[Refused]) -> JSONResponse:
    """200: all were taken. 207: some were, the refused ones are listed. 422: none was."""
    listed = [
        {"index": item.index, "field": item.field, "reason": item.reason, "detail": _sendable(item.detail)}
        for item in refused
    ]
    status = 200 if not refused else 207 if accepted else 422
    return JSONResponse({"accepted": accepted, "refused": listed}, status_code=status)


def _sendable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
