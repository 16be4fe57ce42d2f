"""What a query's end means, by the texts that Spark, Kafka, workers and Python have for it."""

import pytest
from pyspark.errors import PythonException, StreamingQueryException

from pipelines.errors import LakeError
from pipelines.runtime.streams.faults import fault_of, one_line

FROM_JAVA = (
    "An error occurred while calling o280.count.\n: {}\n\tat java.base/java.util.X(X.java:1)\n"
    "\tat org.apache.spark.sql.kafka010.Y(Y.scala:64)\n"
)
FROM_WORKER = (
    "\n  An exception was thrown from the Python worker:\nTraceback (most recent call last):\n"
    '  File "job.py", line 29, in <lambda>\n    1//0\n    ~^~\nZeroDivisionError: integer division\n'
)
NODE = "org.apache.kafka.common.errors.TimeoutException: Timed out waiting for a node assignment."
FETCH = "java.util.concurrent.TimeoutException: Cannot fetch record for offset 12 in 120000 milliseconds"
S3 = "java.net.ConnectException: Connection refused"
LOSS = "[KAFKA_DATA_LOSS.COULD_NOT_READ_OFFSET_RANGE] Some data may have been lost"
RESET = "java.net.SocketException: Connection reset"
ABORTED = "org.apache.spark.SparkException: Job aborted: Task 0 in stage 5.0 failed\nCaused by: "
SPARK_ADDS = "\n=== Streaming Query ===\nIdentifier: q [id = 1]\nLogical Plan:\nKAFKA_DATA_LOSS"


def ended(text="An exception was raised by the Python Proxy. Return Message: Traceback"):
    return StreamingQueryException(message=text + SPARK_ADDS)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError(), "ValueError"),
        (ValueError("\n \n"), "ValueError"),
        (ValueError("\n odd\nand more"), "ValueError: odd"),
        (Exception(FROM_JAVA.format(NODE)), NODE),
        (Exception(FROM_JAVA.format(NODE) + "Caused by: a.B: first\n\tat x\nCaused by: " + FETCH), FETCH),
        (PythonException(message=FROM_WORKER), "ZeroDivisionError: integer division"),
        (ended(NODE), NODE),
        (ended(""), "StreamingQueryException"),
    ],
)
def test_the_line_that_says_most(error, line):
    assert one_line(error) == line


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (ValueError(), "batch"),
        (PythonException(message=FROM_WORKER), "batch"),
        (LakeError("no table"), "lasting"),
        (Exception(FROM_JAVA.format(ABORTED + LOSS)), "lasting"),
        (Exception(FROM_JAVA.format(NODE)), "outside"),
        (Exception(FROM_JAVA.format(ABORTED + FETCH)), "outside"),
        (Exception(FROM_JAVA.format(ABORTED + S3)), "outside"),
        (ConnectionRefusedError(), "outside"),
        (TimeoutError(), "outside"),
        # A record that kills its worker looks like this; it must not be tried for ever.
        (Exception(FROM_JAVA.format(ABORTED + RESET)), "batch"),
    ],
)
def test_the_kind_of_what_a_batch_raises(raised, kind):
    assert fault_of(raised, ended()).kind == kind


def test_the_kind_of_what_comes_without_a_batch():
    assert fault_of(None, ended(NODE)).kind == "outside"
    assert fault_of(None, ended("anything at all")).kind == "outside"
    assert fault_of(None, ended(LOSS)).kind == "lasting"
