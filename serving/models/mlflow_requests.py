"""Requests to a tracking server with limits of their own: a silent one costs seconds, not minutes.

MLflow's client takes its limits from the environment, for the whole process, and retries for minutes. Its
requests are used here one below the client, where limits are arguments; addresses and accounts are its own.
"""

import time
from collections.abc import Mapping
from typing import Any

import requests
from mlflow.exceptions import MlflowException
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request
from urllib3.exceptions import HTTPError, ReadTimeoutError

from pipelines.errors import ModelError, ServiceError

SILENT_SECONDS = 2.0
"""How long a server may send nothing."""
_CHUNK = 1 << 16


class NotThere(ServiceError):  # noqa: N818 - says what was found
    """The server answers that it has no such thing."""


def get(
    base: str,
    path: str,
    purpose: str,
    *,
    limit_bytes: int,
    limit_seconds: float,
    params: Mapping[str, Any] | None = None,
) -> bytes:
    """The body of the answer, within so many seconds as a whole. Nothing is retried: who watches asks again.

    Raises `ServiceError` when none comes in time, `NotThere` for 404, `ModelError` when it is larger than
    the limit.
    """
    until = time.monotonic() + limit_seconds
    try:
        with http_request(
            get_default_host_creds(base),
            path,
            "GET",
            max_retries=0,
            timeout=SILENT_SECONDS,
            raise_on_status=False,
            params=params,
            stream=True,
        ) as response:
            if response.status_code == requests.codes.not_found:
                raise NotThere(f"MLflow at {base} could not {purpose}: it is not there.")
            if response.status_code != requests.codes.ok:
                raise ServiceError(f"MLflow at {base} could not {purpose}: it says {response.status_code}.")
            return _body(response, purpose, limit_bytes=limit_bytes, until=until)
    except (MlflowException, requests.RequestException, HTTPError, OSError) as error:
        raise ServiceError(f"MLflow at {base} could not {purpose}: {_reason(error)}.") from error


def _body(response: requests.Response, purpose: str, *, limit_bytes: int, until: float) -> bytes:
    found = bytearray()
    while chunk := response.raw.read1(_CHUNK, decode_content=True):  # what is there, so that time is kept
        found += chunk
        if len(found) > limit_bytes:
            raise ModelError(
                f"MLflow could not {purpose}: it is larger than {limit_bytes / (1 << 20):g} MiB."
            )
        if time.monotonic() > until:
            raise TimeoutError("the answer takes too long")
    return bytes(found)


def _reason(error: Exception) -> str:
    """Its first line; of lost connections it is enough that there is no answer."""
    silent = isinstance(error, requests.ConnectionError | requests.Timeout | ReadTimeoutError)
    if silent or "timeout" in str(error) or "Max retries exceeded" in str(error):
        return "it does not answer"
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300].rstrip(".")
