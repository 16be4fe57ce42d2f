"""clicklake's two hops over all that Kafka holds. Prints one JSON object: seconds of each query."""

import json
import time
from contextlib import closing

from pipelines.connectors.names import Names
from pipelines.runtime.embedded import endpoints
from pipelines.runtime.reading import record_reader
from pipelines.runtime.streams.driver import ensure_lake
from pipelines.runtime.streams.queries.clean_silver import clean_silver
from pipelines.runtime.streams.queries.land_bronze import land_bronze
from pipelines.runtime.streams.session import open_session
from pipelines.runtime.streams.streaming import start_stream
from pipelines.runtime.watching.metrics import MetricsWriter
from pipelines.settings import load_settings


def main() -> None:
    settings = load_settings()
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    services = endpoints(settings, names=names)
    spark = open_session(settings, names, app="bench")
    ensure_lake(spark, names)
    specs = [
        land_bronze(spark, names, bootstrap=services.kafka, bound=[], stream=settings.bronze),
        clean_silver(spark, names, reader=record_reader(settings), stream=settings.silver),
    ]
    seconds = {}
    with closing(MetricsWriter(services.postgres.address())) as metrics:
        for hop, spec in zip(("first_hop", "second_hop"), specs, strict=True):
            started = time.monotonic()
            stream = start_stream(spark, spec, names, metrics, available_now=True)
            stream.query.awaitTermination()
            assert stream.fault() is None, stream.fault()
            seconds[hop] = time.monotonic() - started
    spark.stop()
    print(json.dumps(seconds))  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    main()
