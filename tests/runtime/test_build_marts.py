"""Marts brought up to date run by run, in Delta and Postgres: whatever the runs, one run's tables."""

import random
from dataclasses import replace

import pytest
from deltalake import DeltaTable

from pipelines.connectors.delta import ensure_table
from pipelines.connectors.delta_writer import DeltaWriter
from pipelines.connectors.names import CLEAN_SILVER, Names
from pipelines.connectors.postgres import connect
from pipelines.contracts.gold import COHORTS, SESSIONS
from pipelines.contracts.lake import record_tables
from pipelines.contracts.positions import Coverage
from pipelines.errors import LakeError, ServiceError
from pipelines.gold.marts import MartRules, all_marts
from pipelines.runtime.marts import build_marts, require_silver
from tests.gold.marts.mart_rows import in_order
from tests.gold.marts.plain_marts import plain_marts
from tests.gold.marts.random_silver import arrivals, as_silver

pytestmark = [pytest.mark.spark, pytest.mark.services]
RULES = MartRules()


class Lake:
    """A lake whose silver grows by cuts of one log."""

    def __init__(self, spark, folder, database, rng):
        self.spark, self.database = spark, database
        self.names = Names.of(var_dir=str(folder), lake=None)
        self.log = arrivals(rng, visitors=40)
        self.writer = DeltaWriter(None, self.names)
        self.until = self.batches = 0
        self.cuts = sorted({0, *rng.sample(range(1, len(self.log)), 2), len(self.log)})
        for spec in record_tables().values():
            ensure_table(None, spec, self.names.table(spec.name))

    def grow(self):
        """Take a batch in; of the one after it events are there already, but no position."""
        self._append(self.batches, whole=True)
        self.batches += 1
        self.until = self.cuts[self.batches]
        if self.until < len(self.log):
            self._append(self.batches, whole=False)

    def _append(self, number, *, whole):
        first, until = self.cuts[number : number + 2]
        batch = as_silver(self.log[first:until], first=first)
        for table, rows in batch.items() if whole else [("silver.events", batch["silver.events"])]:
            complete = whole and table == "silver.identities"
            coverage = Coverage(CLEAN_SILVER, number, {("clicks", 0): until}, complete)
            self.writer.append(record_tables()[table], rows, app_id="test", coverage=coverage)

    def build(self, *, full=False, rules=RULES, database=None):
        return build_marts(self.spark, self.names, rules=rules, full=full, postgres=database or self.database)

    def in_delta(self):
        tables = {name: DeltaTable(self.names.table(name)).to_pyarrow_table() for name in all_marts()}
        return {name: in_order(rows.to_pylist(), name) for name, rows in tables.items()}

    def version(self):
        return DeltaTable(self.names.table(COHORTS.name)).version()

    def expected(self, rules=RULES):
        made = plain_marts(as_silver(self.log[: self.until], first=0), rules)
        return {name: in_order(rows, name) for name, rows in made.items()}

    def in_postgres(self):
        found = {}
        with connect(self.database) as connection, connection.cursor() as cursor:
            for name in set(all_marts()) - {SESSIONS.name}:
                names = all_marts()[name].table.column_names
                cursor.execute(f"select {', '.join(names)} from {name}")
                found[name] = in_order([dict(zip(names, row, strict=True)) for row in cursor], name)
            cursor.execute("select positions from ops.ledger where query = 'build_marts'")
            assert cursor.fetchall() == [({"clicks": {"0": self.until}},)]
        return found

    def forget_ledger(self):
        with connect(self.database) as connection, connection, connection.cursor() as cursor:
            cursor.execute("delete from ops.ledger; delete from gold.funnels; delete from gold.cohorts")

    def check(self, rules=RULES):
        expected = self.expected(rules)
        assert self.in_delta() == expected
        assert self.in_postgres() == {name: expected[name] for name in expected if name != SESSIONS.name}


@pytest.fixture
def lake(spark, tmp_path, database):
    return Lake(spark, tmp_path, database, random.Random(3))


def test_runs_on_any_cuts_also_after_one_died_give_the_tables_of_one_run(lake):
    other = MartRules(gap_seconds=600, path_steps=1, period_days=1)
    lake.grow()
    assert lake.build(rules=other).is_full
    lake.check(other)
    lake.grow()
    assert lake.build().is_full  # by other rules than before
    lake.check()
    lake.grow()
    with pytest.raises(ServiceError, match="Postgres"):
        lake.build(database=replace(lake.database, port=1))  # dies when funnels are written, sessions not
    assert lake.in_delta()[SESSIONS.name] != lake.expected()[SESSIONS.name]
    assert not lake.build().is_full
    lake.check()
    lake.forget_ledger()  # as another database would
    for writes in (True, False):
        before = lake.version()
        again = lake.build()
        assert (again.is_full, again.days, again.records) == (False, [], 0)
        assert (lake.version() > before) == writes
        lake.check()


def test_a_lake_without_silver_says_so(tmp_path):
    with pytest.raises(LakeError, match="silver has no batch yet, so there is nothing to make marts of"):
        require_silver(Names.of(var_dir=str(tmp_path), lake=None))
