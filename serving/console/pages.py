"""Routes of the pages: their files, and the live page's stream of updates."""

from importlib import resources

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from serving.console.feed import LiveFeed

_MAX_VIEWERS = 200
SECURITY = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}
_KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_SCRIPTS = ("page.js", "draw.js", "details.js", "queries.js", "format.js")
_DASHBOARDS = ("dashboards.css", "dashboards.js", "panels.js", "timeline.js")
_FILES = {"/": "index.html", "/dashboards": "dashboards.html"} | {
    f"/static/{name}": name for name in ("page.css", "icon.svg", *_SCRIPTS, *_DASHBOARDS)
}


def page_routes(feed: LiveFeed) -> list[Route]:
    """The pages `/` and `/dashboards`, files below `/static/`, the live page's updates at `/v1/live`."""

    async def live(_request: Request) -> Response:
        if feed.viewers >= _MAX_VIEWERS:
            answer = {"error": "too_many_viewers", "detail": f"at most {_MAX_VIEWERS} at once"}
            return JSONResponse(answer, status_code=503, headers={"retry-after": "10"})
        headers = {**SECURITY, "cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(feed.events(), media_type="text/event-stream", headers=headers)

    return [Route("/v1/live", live), *(_file_route(path, name) for path, name in _FILES.items())]


def _file_route(path: str, name: str) -> Route:
    content = (resources.files("serving.console") / "static" / name).read_bytes()
    kind = _KINDS[name.rpartition(".")[2]]

    async def send_file(_request: Request) -> Response:
        return Response(content, media_type=kind, headers=SECURITY)

    return Route(path, send_file)
