"""Every panel's statement on a real server, asked as both screens ask it."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from pipelines.connectors.panel_reader import Parameters, read_models, read_panels
from pipelines.connectors.postgres import connect
from pipelines.contracts.panel import Panel
from pipelines.contracts.panels import all_panels

COLUMNS = {"stat": ["label", "value"], "timeseries": ["time", "series", "value"]}
BARS = (["label", "value"], ["label", "series", "value"])


def panel(**changes) -> Panel:
    plain = {"title": "a", "description": "b", "board": "c", "place": 1, "kind": "stat", "sql": "select 1"}
    return Panel(**{**plain, **changes})


def last(span: timedelta, *, model="first", look_back=600, until=None) -> Parameters:
    return Parameters.last(span, until=until or datetime.now(UTC), model=model, look_back=look_back)


def asked(address, *names, **changes):
    with connect(address) as connection:
        panels = [all_panels()[name] for name in names]
        return list(read_panels(connection, panels, last(timedelta(hours=1), **changes)))


def test_a_panel_takes_what_its_statement_names_and_nothing_unknown():
    assert panel(sql="select {model} where {since} < {until}").takes == {"model", "since", "until"}
    with pytest.raises(ValueError, match=r"`a` takes \['modell'\]"):
        panel(sql="select {modell}")


def test_percent_signs_are_the_screen_s_business():
    assert (
        panel(sql="select 7 % 2, {model}").render({"model": "%(m)s"}, percent="%%") == "select 7 %% 2, %(m)s"
    )


def test_panels_read_views_only_and_stand_in_an_order():
    places = [(one.board, one.place) for one in all_panels().values()]
    assert places == sorted(set(places)), "two panels of a board in one place"
    for name, one in all_panels().items():
        tables = re.findall(r"\b(?:from|join) ([a-z_]+\.[a-z_]+)", one.sql)
        assert tables, name
        assert {table.partition(".")[0] for table in tables} == {"dashboard"}, name
        assert one.description.endswith("."), name


def test_buckets_are_a_minute_or_more_begin_whole_and_are_few():
    until = datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)
    hour, month = (last(timedelta(hours=hours), until=until) for hours in (1, 24 * 31))
    assert (hour.since, hour.step) == (datetime(2026, 3, 1, 11, 34, tzinfo=UTC), timedelta(minutes=1))
    assert (month.since, month.step) == (datetime(2026, 1, 29, 12, tzinfo=UTC), timedelta(hours=6))
    assert (month.until - month.since) / month.step <= 125


@pytest.mark.services
class TestAnswers:
    def test_every_panel_has_rows_in_the_columns_of_its_kind(self, shop, role):
        answers = dict(zip(all_panels(), asked(role("dashboard"), *all_panels()), strict=True))
        assert [name for name, answer in answers.items() if answer.problem or not answer.rows] == []
        for name, one in all_panels().items():
            fields = answers[name].fields
            wanted = BARS if one.kind == "bars" else (COLUMNS.get(one.kind, fields),)
            assert fields in wanted, name
            assert one.has_series == ("series" in fields), name
            assert set(one.units) <= set(fields), name

    def test_before_any_order_they_are_empty_and_not_wrong(self, prepared, role):
        assert [answer.problem for answer in asked(role("dashboard"), *all_panels())] == [None] * len(
            all_panels()
        )

    def test_credit_is_that_of_the_chosen_model(self, shop):
        def credit(model):
            (answer,) = asked(shop, "purchases_by_source", model=model)
            sums: dict[str, float] = {}
            for _, source, orders in answer.rows:
                sums[source] = sums.get(source, 0) + float(orders)
            return sums

        assert credit("first") == {"google": 2, "facebook": 2, "direct": 1, "tiktok": 1, "email": 1}
        assert credit("linear") == {
            "google": 2.5, "facebook": 1, "direct": 1, "tiktok": 0.5, "email": 2,
        }  # fmt: skip
        assert credit("shapley") == {}

    def test_models_share_out_the_same_orders(self, shop):
        (answer,) = asked(shop, "attribution_by_model")
        assert answer.rows[0][0] == "google", "the source with the most comes first"
        for model in ("first", "linear"):
            assert sum(orders for _, name, orders in answer.rows if name == model) == 7

    def test_amounts_are_in_the_currency_s_major_units(self, shop):
        (answer,) = asked(shop, "revenue_and_profit")
        sums: dict[str, float] = {}
        for _, series, value in answer.rows:
            sums[series] = sums.get(series, 0) + float(value)
        assert sums == {"revenue EUR": 335, "profit EUR": 33.5, "revenue JPY": 3000, "profit JPY": 300}
        times = [time for time, series, _ in answer.rows if series == "profit JPY"]
        assert {b - a for a, b in pairwise(times)} == {timedelta(minutes=1)}

    def test_return_is_revenue_by_spend_also_of_what_brought_nothing(self, shop):
        (answer,) = asked(shop, "return_on_spend")
        assert answer.fields == ["source", "currency", "spend", "revenue", "profit", "return"]
        found = {(row[0], row[1]): row[2:] for row in answer.rows}
        assert found["google", "EUR"] == (25, 150, 15, 6)
        assert found["billboard", "EUR"] == (9, 0, 0, 0)
        assert found["tiktok", "JPY"] == (0, 3000, 300, None)

    def test_provisional_orders_are_those_that_are_not_final(self, shop):
        by_minute, by_source, lengths = asked(
            shop, "provisional_and_final", "provisional_by_source", "path_lengths"
        )
        assert sum(value for _, series, value in by_minute.rows if series == "provisional") == 2
        assert {row for row in by_source.rows if row[1] == "provisional" and row[2]} == {
            ("facebook", "provisional", 1), ("email", "provisional", 1),
        }  # fmt: skip
        assert lengths.rows == [("0", 1), ("1", 1), ("2", 2), ("3", 1), ("4", 1), ("10 or more", 1)]

    def test_nothing_outside_the_chosen_time_counts(self, shop):
        until = datetime.now(UTC) - timedelta(minutes=8)
        (answer,) = asked(shop, "order_figures", until=until)
        assert dict(answer.rows)["paid orders"] == 4
        assert dict(answer.rows)["failed payments"] == 2
        assert dict(answer.rows)["orders with a refund"] == 1

    def test_models_and_their_look_backs_are_told(self, shop, role):
        with connect(role("dashboard")) as connection:
            assert read_models(connection) == {"first": [600], "linear": [600]}

    def test_one_that_fails_or_takes_too_long_does_not_spoil_the_others(self, shop):
        slow, broken, good = panel(sql="select pg_sleep(3)"), panel(sql="select 1/0"), panel(sql="select 7")
        with connect(shop, statement_seconds=1) as connection:
            answers = list(read_panels(connection, [slow, broken, good], last(timedelta(hours=1))))
        assert [answer.problem for answer in answers] == [
            "This took too long: choose a shorter time.", "division by zero", None,
        ]  # fmt: skip
        assert answers[2].rows == [(7,)]
