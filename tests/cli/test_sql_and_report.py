"""`clicklake sql` and `clicklake report` on a lake, in this process and as a program."""

import json

import pytest
from click.testing import CliRunner

from jobs.cli.main import cli
from pipelines.contracts.lake import all_tables
from pipelines.contracts.topics import all_topics
from pipelines.contracts.views import all_views
from pipelines.errors import LakeError, SettingsError

TABLES = {*all_tables(), *(f"bronze.{topic}" for topic in all_topics())}


@pytest.fixture
def clicklake(tiny_lake):
    def call(*arguments: str):
        options = [text for setting in tiny_lake.settings() for text in ("--set", setting)]
        return CliRunner().invoke(cli, [*options, *arguments], catch_exceptions=False)

    return call


def test_sql_without_a_statement_lists_tables_with_their_rows_and_views_with_their_grain(
    clicklake, tiny_lake
):
    lines = clicklake("sql").stdout.splitlines()
    views = {name for name, view in all_views().items() if set(view.reads) <= {*TABLES, *all_views()}}
    assert {line.split()[0] for line in lines} == {*TABLES, *views}
    assert "One row per order: " in next(line for line in lines if line.startswith("silver.orders_current "))
    clicks = sum(record["topic"] == "clicks" for record in tiny_lake.records)
    assert f"{clicks} rows" in next(line for line in lines if line.startswith("bronze.clicks "))


def test_sql_answers_as_a_table(clicklake):
    shown = clicklake("sql", "select 40 + 2 as answer, event_type from silver.events limit 1").stdout
    assert "answer" in shown
    assert "42" in shown


def test_sql_as_json_gives_one_object_a_row_and_bytes_as_hex(clicklake, tiny_lake):
    statement = 'select "offset", value from bronze.clicks where partition = 0 order by "offset" limit 2'
    rows = [json.loads(line) for line in clicklake("sql", "--json", statement).stdout.splitlines()]
    sent = [r for r in tiny_lake.records if r["topic"] == "clicks" and r["partition"] == 0][:2]
    assert rows == [{"offset": r["offset"], "value": r["value"].hex()} for r in sent]


def test_sql_shows_no_more_rows_than_asked(clicklake):
    shown = clicklake("sql", "--rows", "2", "select 'row-' || range as r from range(9)").stdout
    assert "row-1" in shown
    assert "row-2" not in shown


def test_a_bad_statement_is_an_error_of_settings(clicklake):
    with pytest.raises(SettingsError, match="selct"):
        clicklake("sql", "selct 1")


def test_report_counts_tables_and_dead_letters_and_says_why_there_is_no_freshness(clicklake, tiny_lake):
    result = clicklake("report", "--json")
    report = json.loads(result.stdout)
    assert report["tables"].keys() == TABLES
    broken = [delivery.reason for delivery in tiny_lake.deliveries if delivery.reason]
    assert report["dead_letters"] == {reason: broken.count(reason) for reason in set(broken)}
    assert report["dead_letter_examples"]["in_future"]["field"] == "occurred_at"
    assert report["freshness"] == {}
    assert result.stderr.startswith("No freshness: ")


def test_report_for_people_names_each_reason_with_its_meaning(clicklake):
    shown = clicklake("report").stdout
    assert "silver.events" in shown
    assert "the bytes are not UTF-8" in shown


def test_sql_on_an_empty_lake_says_that_it_is_empty(tmp_path):
    with pytest.raises(LakeError, match="no tables yet"):
        CliRunner().invoke(cli, ["--set", f"var_dir={tmp_path}", "sql", "select 1"], catch_exceptions=False)
