"""The pipeline a user would write first: Kafka → Delta raw → from_json → Delta. No checks, no reasons.

Prints one JSON object: seconds of each hop, from the query's start to its end.
"""

import argparse
import json
import os
import sys
import time

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, LongType, StringType, StructField, StructType

from pipelines.contracts.topics import all_topics


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--jars", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--memory", required=True)
    options = parser.parse_args()
    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = (
        SparkSession.builder.appName("bare")
        .master("local[2]")
        .config("spark.jars", options.jars)
        .config("spark.driver.memory", options.memory)
        .config("spark.ui.enabled", "false")
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    raw, typed = f"{options.folder}/raw", f"{options.folder}/typed"
    kafka = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", options.bootstrap)
        .option("subscribe", "clicks,orders")
        .option("startingOffsets", "earliest")
        .load()
    )
    seconds = {"first_hop": run(kafka, raw)}
    parsed = (
        spark.readStream.format("delta")
        .load(raw)
        .select(
            "topic",
            "partition",
            "offset",
            "timestamp",
            F.from_json(F.col("value").cast("string"), schema()).alias("record"),
        )
    )
    seconds["second_hop"] = run(parsed.select("topic", "partition", "offset", "timestamp", "record.*"), typed)
    seconds["rows"] = spark.read.format("delta").load(typed).count()
    spark.stop()
    print(json.dumps(seconds))  # noqa: T201 - the parent reads it


def run(rows: DataFrame, path: str) -> float:
    started = time.monotonic()
    writer = rows.writeStream.format("delta").option("checkpointLocation", f"{path}_checkpoint")
    writer.trigger(availableNow=True).start(path).awaitTermination()
    return time.monotonic() - started


def schema() -> StructType:
    """Every field of clicks and orders, as a user would type them."""
    found = {}
    for topic in (all_topics()["clicks"], all_topics()["orders"]):
        for field in topic.fields:
            found[field.name] = LongType() if field.kind in ("integer", "money") else StringType()
    lines = StructType(
        [
            StructField(field.name, LongType() if field.kind in ("integer", "money") else StringType())
            for field in all_topics()["orders"].lines
        ]
    )
    fields = [StructField(name, kind) for name, kind in found.items()]
    return StructType([*fields, StructField("lines", ArrayType(lines))])


if __name__ == "__main__":
    main()
