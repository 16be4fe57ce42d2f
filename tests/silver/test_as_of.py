"""Versions as of a fact's moment: by hand, against plain Python, in batch and as a stream."""

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from pyspark.sql import SparkSession

from pipelines.silver.as_of import with_version_as_of
from tests.silver import oracles
from tests.silver.lake_rows import arrow_rows, second

pytestmark = pytest.mark.spark

MOMENT = pa.timestamp("us", tz="UTC")
FACTS = pa.schema(
    [("fact", pa.int64()), ("user_id", pa.string()), ("occurred_at", MOMENT), ("known_at", MOMENT)]
)
VERSIONS = [
    {"user_id": "u", "valid_from": second(10), "known_at": second(10), "level": "BRONZE"},
    {"user_id": "u", "valid_from": second(20), "known_at": second(50), "level": "SILVER"},
    {"user_id": "u", "valid_from": second(30), "known_at": second(30), "level": "GOLD"},
    {"user_id": "u", "valid_from": second(30), "known_at": second(31), "level": "PLATINUM"},
    {"user_id": "u", "valid_from": second(40), "known_at": second(40), "is_deleted": True},
    {"user_id": "u", "valid_from": second(60), "known_at": second(60)},
]
BY_HAND = [
    # at, known, as of that moment, as of that moment and with what was known
    (9, 99, None, None),
    (10, 99, "BRONZE", "BRONZE"),
    (10, 9, "BRONZE", None),
    (19, 99, "BRONZE", "BRONZE"),
    (20, 49, "SILVER", "BRONZE"),
    (20, 50, "SILVER", "SILVER"),
    (30, 30, "PLATINUM", "GOLD"),
    (39, 99, "PLATINUM", "PLATINUM"),
    (40, 39, None, "PLATINUM"),
    (40, 99, None, None),
    (60, 99, None, None),
    (None, 99, None, None),
    (30, None, "PLATINUM", None),
]


@pytest.fixture(params=["batch", "stream"])
def facts_frame(request, spark: SparkSession, tmp_path):
    """Makes facts a DataFrame, and rows of what became of it: read at once, or as a stream in three cuts."""

    def batch(facts: pa.Table, change):
        return change(spark.createDataFrame(facts)).toArrow()

    def stream(facts: pa.Table, change):
        folder = tmp_path / "facts"
        folder.mkdir()
        for part in range(3):
            parquet.write_table(facts.take(list(range(part, len(facts), 3))), folder / f"{part}.parquet")
        source = spark.readStream.schema(spark.createDataFrame(facts).schema)
        read = source.option("maxFilesPerTrigger", 1).parquet(str(folder))
        writer = change(read).writeStream.format("memory").queryName("as_of").outputMode("append")
        query = writer.option("checkpointLocation", str(tmp_path / "checkpoint")).trigger(availableNow=True)
        query.start().awaitTermination()
        return spark.table("as_of").toArrow()

    return {"batch": batch, "stream": stream}[request.param]


def levels(found: pa.Table):
    return [row["user_level"] for row in sorted(found.to_pylist(), key=lambda row: row["fact"])]


@pytest.mark.parametrize("known", [None, "known_at"])
def test_by_hand(spark, facts_frame, known):
    facts = [
        {"fact": n, "user_id": "u", "occurred_at": second(at), "known_at": second(known_at)}
        for n, (at, known_at, *_) in enumerate(BY_HAND)
    ]
    strangers = [
        {"fact": 100, "user_id": "stranger", "occurred_at": second(35), "known_at": second(99)},
        {"fact": 101, "user_id": None, "occurred_at": second(35), "known_at": second(99)},
    ]
    versions = spark.createDataFrame(arrow_rows("silver.users", VERSIONS))
    found = facts_frame(
        pa.Table.from_pylist(facts + strangers, schema=FACTS),
        lambda frame: with_version_as_of(
            frame, versions, key="user_id", at="occurred_at", prefix="user_", columns=["level"], known=known
        ),
    )
    assert found.column_names == [*FACTS.names, "user_level"]
    assert levels(found) == [row[3 if known else 2] for row in BY_HAND] + [None, None]


def test_columns_of_the_version_may_be_its_own_times_and_position(spark):
    facts = pa.Table.from_pylist(
        [{"fact": 1, "user_id": "u", "occurred_at": second(35), "known_at": second(99)}], schema=FACTS
    )
    found = with_version_as_of(
        spark.createDataFrame(facts),
        spark.createDataFrame(arrow_rows("silver.users", VERSIONS)),
        key="user_id",
        at="occurred_at",
        prefix="user_",
        columns=["valid_from", "offset", "known_at"],
    )
    (row,) = found.toArrow().to_pylist()
    assert (row["user_valid_from"], row["user_offset"], row["user_known_at"]) == (second(30), 3, second(31))
    assert row["known_at"] == second(99)


def test_a_column_that_is_taken_is_refused(spark):
    facts = spark.createDataFrame(FACTS.empty_table()).withColumnRenamed("fact", "user_level")
    versions = spark.createDataFrame(arrow_rows("silver.users", []))
    with pytest.raises(ValueError, match="have user_level already"):
        with_version_as_of(
            facts, versions, key="user_id", at="occurred_at", prefix="user_", columns=["level"]
        )


FACT = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from(["k1", "k2", "k3", "k4", None]),
        "occurred_at": st.one_of(st.none(), oracles.moments),
        "known_at": oracles.moments,
    }
)
CASES = st.lists(
    st.tuples(oracles.version_rows("user_id", "level"), st.lists(FACT, max_size=8)), min_size=20, max_size=40
)


@given(CASES)
@settings(
    max_examples=3,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
@pytest.mark.parametrize("known", [None, "known_at"])
def test_as_plain_python_says(spark, known, cases):
    """All cases in one frame: each has keys of its own."""
    versions, facts, expected = [], [], []
    for case, (case_versions, case_facts) in enumerate(cases):
        versions += [one | {"user_id": f"{case}:{one['user_id']}"} for one in case_versions]
        for fact in case_facts:
            of_key = [one for one in case_versions if one["user_id"] == fact["user_id"]]
            bound = {} if known is None else {"known": fact[known]}
            version = oracles.version_at(of_key, at=fact["occurred_at"], **bound)
            key = None if fact["user_id"] is None else f"{case}:{fact['user_id']}"
            facts.append(fact | {"fact": len(facts), "user_id": key})
            expected.append(version and version["level"])
    found = with_version_as_of(
        spark.createDataFrame(pa.Table.from_pylist(facts, schema=FACTS)),
        spark.createDataFrame(arrow_rows("silver.users", versions)),
        key="user_id",
        at="occurred_at",
        prefix="user_",
        columns=["level"],
        known=known,
    ).toArrow()
    assert levels(found) == expected
