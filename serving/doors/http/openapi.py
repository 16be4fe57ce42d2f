"""The description of the door in OpenAPI: made of the problems and entities that there are, and kept exact.

A body that it allows is answered, and one that it does not allow is refused; a test holds it to that.
"""

from collections.abc import Mapping
from typing import Any

from pipelines.contracts.fields import MAX_ID_CHARACTERS
from pipelines.gold.problems.problem import Problem
from serving.doors.http.admission import Limits

Json = dict[str, Any]
_ID: Json = {"type": "string", "minLength": 1, "maxLength": MAX_ID_CHARACTERS, "pattern": "^[^\\u0000]+$"}
_TIME: Json = {"type": "string", "format": "date-time"}
_OPTIONAL = ("session_id", "product_id", "user_id", "decision_id")
_TEXT: Json = {"type": "string"}
_COUNT: Json = {"type": "integer", "minimum": 0}
_REFUSALS = {
    400: "the body is not JSON",
    401: "no key, or one that is not known",
    404: "there is no such thing",
    405: "another method is meant",
    408: "the body took too long",
    409: "the id stands for another question",
    413: "the body or the batch is too large",
    415: "another media type, or a compressed body",
    422: "a field is missing or wrong; `field` names it",
    429: "above the caller's rate; `Retry-After` says when to come again",
    503: "no decision could be made",
}


def described(
    *, problems: Mapping[str, Problem], entities: Mapping[str, tuple[str, ...]], limits: Limits
) -> Json:
    """The whole description."""
    paths: Json = {"/v1/decisions": {"post": _decisions(limits)}}
    for word, keys in entities.items():
        named = "/".join(f"{{{key}}}" for key in keys)
        paths[f"/v1/features/{word}/{named}"] = {"get": _features(word, keys)}
    paths["/v1/explain/{decision_id}"] = {"get": _explain()}
    for path, summary in _PLAIN.items():
        paths[path] = {"get": {"summary": summary, "security": [], "responses": _open_answers(path)}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "clicklake scorer", "version": "1", "description": "Decisions about shoppers."},
        "paths": paths,
        "components": {"schemas": _schemas(problems, limits)} | _security(limits),
        "security": [{"key": []}, {"bearer": []}] if limits.api_keys else [],
    }


def _decisions(limits: Limits) -> Json:
    body = {"$ref": "#/components/schemas/Questions"}
    answer = {"anyOf": [{"$ref": "#/components/schemas/Answer"}, {"$ref": "#/components/schemas/Answers"}]}
    return {
        "summary": "Decide: one question, or a batch",
        "description": f"At most {limits.max_batch} at once. The same `decision_id` gets the same answer.",
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": _answers(answer, 400, 401, 405, 408, 409, 413, 415, 422, 429, 503),
    }


def _features(word: str, keys: tuple[str, ...]) -> Json:
    user = {"name": "user_id", "in": "query", "required": False, "schema": _ID}
    return {
        "summary": f"What is known now of one {word}",
        "parameters": [*(_in_path(key) for key in keys), user],
        "responses": _answers({"$ref": "#/components/schemas/Known"}, 401, 404, 405, 422, 429),
    }


def _explain() -> Json:
    return {
        "summary": "Why one of the last decisions was made",
        "parameters": [_in_path("decision_id")],
        "responses": _answers({"type": "object"}, 401, 404, 405, 422, 429),
    }


_PLAIN = {
    "/health": "Whether the process lives",
    "/ready": "Whether decisions are as they should be, and what is missing",
    "/metrics": "Figures for Prometheus",
    "/openapi.json": "This description",
}


def _open_answers(path: str) -> Json:
    if path == "/metrics":
        return {"200": {"description": "figures", "content": {"text/plain": {"schema": _TEXT}}}}
    answers = _answers({"type": "object"}, 405)
    if path == "/ready":
        answers["503"] = answers["200"] | {"description": "not ready; `problems` says why, by part"}
    return answers


def _answers(schema: Json, *refusals: int) -> Json:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    refused = {str(status): {"description": _REFUSALS[status], "content": content} for status in refusals}
    return {
        "200": {"description": "the answer", "content": {"application/json": {"schema": schema}}},
        **refused,
    }


def _in_path(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": _ID}


def _security(limits: Limits) -> Json:
    if not limits.api_keys:
        return {}
    key = {"type": "apiKey", "in": "header", "name": "X-API-Key"}
    return {"securitySchemes": {"key": key, "bearer": {"type": "http", "scheme": "bearer"}}}


def _schemas(problems: Mapping[str, Problem], limits: Limits) -> Json:
    questions = [_question(problem) for problem in problems.values()]
    batch = {"type": "array", "maxItems": limits.max_batch, "items": {"anyOf": questions}}
    return {
        "Questions": {"anyOf": [*questions, _object({"decisions": batch})]},
        "Answers": _object(
            {"decisions": {"type": "array", "items": {"$ref": "#/components/schemas/Answer"}}}
        ),
        "Answer": _object(_ANSWER),
        "Known": _object(_KNOWN),
        "Refusal": _object({"error": _TEXT, "detail": _TEXT, "field": _or_null(_TEXT)}),
    }


def _question(problem: Problem) -> Json:
    """A question of this problem: it names what the problem is about."""
    needed = ("visitor_id", *(key for key in problem.keys if key != "visitor_id"))
    properties: Json = {"problem": {"const": problem.name, "type": "string", "description": problem.meaning}}
    properties |= {name: _or_null(_ID) for name in _OPTIONAL} | dict.fromkeys(needed, _ID)
    events = "events that may not be in Kafka yet, as POST /v1/events takes them"
    properties["events"] = {"type": "array", "items": {"type": "object"}, "description": events}
    return _object(properties, required=["problem", *needed])


def _object(properties: Json, *, required: list[str] | None = None) -> Json:
    needed = sorted(properties) if required is None else required
    return {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}


def _or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


_STALE: Json = {
    "type": "array",
    "description": "parts that did not answer, and the age of what was used instead; null: nothing was",
    "items": _object({"part": _TEXT, "age_ms": _or_null({"type": "integer"})}),
}
_ANSWER: Json = {
    "decision_id": _TEXT,
    "problem": _TEXT,
    "action": _TEXT,
    "products": {"type": "array", "items": _TEXT},
    "probability": _or_null({"type": "number", "minimum": 0, "maximum": 1}),
    "model": _or_null(_TEXT),
    "model_version": _or_null({"type": "integer"}),
    "reason": _TEXT,
    "stale": _STALE,
    "expires": _TIME,
    "refused_events": {
        "type": "array",
        "description": "events that did not count, and why",
        "items": _object({"index": _COUNT, "field": _or_null(_TEXT), "reason": _TEXT, "detail": _TEXT}),
    },
}
_KNOWN: Json = {
    "entity": _TEXT,
    "key": {"type": "object"},
    "at": _TIME,
    "features": {"type": "object"},
    "positions": {"type": "object", "description": "next offset by topic and partition of what is known"},
    "batch_id": _or_null({"type": "integer"}),
    "in_flight": _COUNT,
    "is_whole": {"type": "boolean"},
    "stale": _STALE,
}
