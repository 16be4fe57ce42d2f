"""Lists of related products from a lake of real tables, in Delta and Postgres."""

import random

import pytest
from deltalake import DeltaTable

from pipelines.connectors.delta import ensure_table
from pipelines.connectors.delta_writer import DeltaWriter
from pipelines.connectors.names import CLEAN_SILVER, Names
from pipelines.connectors.postgres import connect
from pipelines.contracts.lake import record_tables
from pipelines.contracts.positions import Coverage
from pipelines.contracts.related import RELATED_PRODUCTS
from pipelines.errors import LakeError
from pipelines.gold.related.rules import RelatedRules
from pipelines.runtime.related import build_related
from tests.gold.marts.mart_rows import event, silver

pytestmark = [pytest.mark.spark, pytest.mark.services]


@pytest.fixture
def names(tmp_path):
    """A lake of tables without rows."""
    found = Names.of(var_dir=str(tmp_path), lake=None)
    for spec in record_tables().values():
        ensure_table(None, spec, found.table(spec.name))
    return found


def visits(rng, *, number):
    """People view two of three products, the second ten seconds after the first."""
    rows = []
    for n in range(number):
        for step, product in enumerate(rng.sample(["tea", "mate", "coffee"], 2)):
            rows.append(event(60 * n + step / 6, "product_view", visitor_id=f"v{n}", product_id=product))
    return rows


def append(names, batch, rows, until):
    coverage = Coverage(CLEAN_SILVER, batch, {("clicks", 0): until})
    for table, found in silver(events=rows).items():
        DeltaWriter(None, names).append(record_tables()[table], found, app_id="test", coverage=coverage)


def lists_in_postgres(cursor):
    cursor.execute("select sort, product_id, products, scores from gold.related_products")
    return {(sort, product): (products, scores) for sort, product, products, scores in cursor}


def test_lists_are_the_same_in_delta_and_postgres_and_made_anew(spark, names, database):
    rules, rng = RelatedRules(), random.Random("related")
    with pytest.raises(LakeError):
        build_related(spark, names, rules=rules, postgres=database, evaluate=[])
    append(names, 0, visits(rng, number=20), 40)
    done = build_related(spark, names, rules=rules, postgres=database, evaluate=["cosine"])
    assert (done.products, done.rows) == (4, 2 * (3 * 2 + 3))
    build_related(spark, names, rules=rules, postgres=database, evaluate=[])
    rows = DeltaTable(names.table(RELATED_PRODUCTS.name)).to_pyarrow_table().to_pylist()
    expected = {}
    for row in sorted(rows, key=lambda row: row["place"]):
        products, scores = expected.setdefault((row["sort"], row["product_id"]), ([], []))
        products.append(row["related_product_id"])
        scores.append(row["score"])
    with connect(database) as connection, connection.cursor() as cursor:
        assert lists_in_postgres(cursor) == expected
        cursor.execute("select positions from ops.ledger where query = 'build_related'")
        assert cursor.fetchall() == [({"clicks": {"0": 40}},)]
        cursor.execute(
            "select sort, measure, steps, visitors, hit_rate, popular, gain_low from gold.related_hit_rates"
        )
        # Of 40 views the 32nd in order of time is in the 16th visit: it and the last four are asked.
        assert sorted(cursor) == [
            ("alternatives", "cosine", 5, 5, 1.0, 1.0, 0.0),
            ("complements", "cosine", 0, 0, None, None, None),
        ]
