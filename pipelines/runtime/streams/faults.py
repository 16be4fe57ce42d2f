"""What the end of a query means: whether a restart can mend it, and whether its batch is to blame."""

import re
from dataclasses import dataclass
from typing import Literal

from pyspark.errors import PythonException, StreamingQueryException

from pipelines.errors import LakeError, ServiceError

Kind = Literal["lasting", "outside", "batch"]

_LASTING = re.compile(r"KAFKA_DATA_LOSS|OffsetOutOfRange|PARTITIONS_DELETED|partitions are gone")
# Kafka is asked for records inside a batch too: a broker that is away then is no fault of the batch.
# A reset connection is not here: that is also how Spark sees a worker that a record has killed.
_SERVICE_AWAY = re.compile(
    r"org\.apache\.kafka\.common\.errors\."
    r"(?:Timeout|Disconnect|Network|BrokerNotAvailable|LeaderNotAvailable|NotLeaderOrFollower)Exception"
    r"|TimeoutException: Cannot fetch record"
    r"|java\.net\.(?:Connect|UnknownHost|NoRouteToHost|SocketTimeout)Exception"
)
_SPARK_ADDS = "=== Streaming Query ==="
_CAUSE = "Caused by: "


@dataclass(frozen=True)
class Fault:
    """Why a query ended, in one line, and of which kind.

    `lasting`: no restart mends it; `batch`: the batch itself failed, and may fail again; `outside`:
    something else was away.
    """

    why: str
    kind: Kind


ENDED_BY_ITSELF = Fault("it ended by itself", "outside")


def fault_of(raised: BaseException | None, ended: BaseException) -> Fault:
    """The fault of a query that Spark says has `ended`; `raised` is what its own batch raised, if it did."""
    text = f"{_text(raised)}\n{_text(ended)}"
    why = one_line(raised if raised is not None else ended)
    if isinstance(raised, LakeError) or _LASTING.search(text):
        return Fault(why, "lasting")
    away = isinstance(raised, ConnectionError | TimeoutError | ServiceError) or _SERVICE_AWAY.search(text)
    return Fault(why, "outside" if raised is None or away else "batch")


def one_line(error: BaseException) -> str:
    """The line of an error that says most: the root cause where Java or a worker's traceback tells it."""
    lines = [line for line in _text(error).splitlines() if line.strip()]
    causes = [line.partition(_CAUSE)[2] for line in lines if line.startswith(_CAUSE)]
    if causes:
        return causes[-1]
    if isinstance(error, PythonException) and len(lines) > 1:
        return lines[-1].strip()
    if len(lines) > 1 and lines[0].startswith("An error occurred while calling"):
        return lines[1].removeprefix(": ")
    if isinstance(error, StreamingQueryException) and lines:
        return lines[0].strip()
    return f"{type(error).__name__}: {lines[0].strip()}" if lines else type(error).__name__


def _text(error: BaseException | None) -> str:
    return "" if error is None else str(error).partition(_SPARK_ADDS)[0]
