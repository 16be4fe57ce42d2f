"""The join a user would write first: clicks and orders from Kafka, joined, inserted into Postgres."""

import argparse
import os
import sys

import psycopg2
from psycopg2.extras import execute_values
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

_CLICK = "event_id string, visitor_id string, occurred_at long, source string"
_ORDER = "event_id string, visitor_id string, occurred_at long, order_id string"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--bootstrap", "--jars", "--folder", "--dsn"):
        parser.add_argument(name, required=True)
    options = parser.parse_args()
    with psycopg2.connect(options.dsn) as connection, connection.cursor() as cursor:
        cursor.execute("create table public.bare_pairs (order_id text, source text, at bigint, batch bigint)")
        cursor.execute(
            "create index on public.bare_pairs (order_id); create index on public.bare_pairs (batch)"
        )
    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = (
        SparkSession.builder.appName("bare join")
        .master("local[2]")
        .config("spark.jars", options.jars)
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.streaming.join.stateFormatVersion", "3")
        .config(
            "spark.sql.streaming.stateStore.providerClass",
            "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider",
        )
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")

    def insert(batch: DataFrame, batch_id: int) -> None:
        rows = [(row["order_id"], row["source"], row["occurred_at"], batch_id) for row in batch.collect()]
        with psycopg2.connect(options.dsn) as connection, connection.cursor() as cursor:
            execute_values(
                cursor, "insert into public.bare_pairs (order_id, source, at, batch) values %s", rows
            )

    clicks = _topic(spark, options.bootstrap, "clicks", _CLICK).withWatermark("clicked_at", "10 minutes")
    orders = _topic(spark, options.bootstrap, "orders", _ORDER).withWatermark("ordered_at", "10 minutes")
    since = F.col("ordered_at") - F.expr("interval 10 minutes")
    fits = (clicks["visitor_id"] == orders["visitor_id"]) & F.col("clicked_at").between(
        since, F.col("ordered_at")
    )
    pairs = orders.join(clicks, fits).select("order_id", "source", clicks["occurred_at"])
    query = pairs.writeStream.foreachBatch(insert).option("checkpointLocation", f"{options.folder}/join")
    query.trigger(processingTime="1 second").start().awaitTermination()


def _topic(spark: SparkSession, bootstrap: str, topic: str, schema: str) -> DataFrame:
    kafka = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", bootstrap)
        .option("subscribe", topic)
        .load()
    )
    name = "clicked_at" if topic == "clicks" else "ordered_at"
    parsed = kafka.select(F.from_json(F.col("value").cast("string"), schema).alias("r")).select("r.*")
    return parsed.withColumn(name, F.timestamp_millis("occurred_at"))


if __name__ == "__main__":
    main()
