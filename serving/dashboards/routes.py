"""The panels as JSON: `GET /v1/panels?board=&model=&look_back=&minutes=`."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from serving.console.pages import SECURITY
from serving.dashboards.choice import BadChoiceError, read_choice
from serving.dashboards.reader import PanelReader, Reading

_MOST_WAITING = 20
_HEADERS = {**SECURITY, "cache-control": "no-store"}
_RETRY = {**_HEADERS, "retry-after": "5"}


def panel_routes(reader: PanelReader) -> list[Route]:
    """The panels: 200; 422 naming a wrong field; 503 with the last figures while Postgres is away."""
    waiting = 0

    async def panels(request: Request) -> Response:
        nonlocal waiting
        if waiting >= _MOST_WAITING:
            return JSONResponse({"error": "busy", "detail": "too many ask at once"}, 503, headers=_RETRY)
        waiting += 1
        try:
            choice = read_choice(request.query_params)
            return _answer(await asyncio.wrap_future(reader.ask(choice)))
        except BadChoiceError as bad:
            answer = {"error": "bad_choice", "field": bad.field, "detail": bad.detail}
            return JSONResponse(answer, status_code=422, headers=_HEADERS)
        finally:
            waiting -= 1

    return [Route("/v1/panels", panels)]


def _answer(reading: Reading) -> Response:
    if reading.problem is None:
        return Response(reading.body, media_type="application/json", headers=_HEADERS)
    body = b'{"error":"away","detail":"%s","last":%s}' % (reading.problem.encode(), reading.body)
    return Response(body, status_code=503, media_type="application/json", headers=_RETRY)
