"""What advertising cost: read from files as marketers have them, and refused with the line that is wrong."""

from datetime import date
from decimal import Decimal

import pytest

from pipelines.connectors.postgres import connect
from pipelines.contracts.money import WITH_THOUSANDTHS, WITHOUT_MINOR_UNIT, minor_digits
from pipelines.errors import SettingsError
from pipelines.runtime.attribution.spend import Spend, read_spend, store_spend


def written(tmp_path, text, **how):
    path = tmp_path / "spend.csv"
    path.write_bytes(text.encode(how.get("encoding", "utf-8")))
    return path


@pytest.mark.parametrize(
    "header", ["day,source,medium,campaign,amount", "date_day,utm_source,utm_medium,utm_campaign,spend"]
)
def test_rows_of_one_day_and_campaign_are_added_up(tmp_path, header):
    text = f"{header}\n2026-03-01,google,cpc,brand,1.10\n2026-03-01,google,cpc,brand,2\n2026-03-02,mail,,,0\n"
    assert read_spend(written(tmp_path, text, encoding="utf-8-sig"), currency="EUR") == [
        Spend(date(2026, 3, 1), "google", "cpc", "brand", 310),
        Spend(date(2026, 3, 2), "mail", "", "", 0),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("day,amount\n2026-03-01,1\n", "no column source or utm_source"),
        (
            "day,source,amount\n2026-03-01,google,1\n1.3.2026,google,1\n",
            "line 3: `1.3.2026` is no day like 2026-11-22",
        ),
        ("day,source,amount\n2026-03-01,,1\n", "line 2: the source is empty"),
        ("day,source,amount\n2026-03-01,google,ten\n", "line 2: `ten` is no amount"),
        (
            "day,source,amount\n2026-03-01,google,1.005\n",
            "line 2: `1.005` is no amount with at most 2 decimals",
        ),
        ("day,source,amount\n2026-03-01,google,NaN\n", "line 2: `NaN` is no amount with at most 2 decimals"),
        ("day,source,amount\n2026-03-01,google,-1\n", "line 2: `-1` is out of range"),
        ("day,source,amount\n2026-03-01,google\n", "line 2: `` is no amount"),
        ("day,source,amount\n2026-03-01,google,1,234.50\n", "line 2: it has more fields than the header"),
        ("day,source,amount\n2026-03-01,goo\0gle,1\n", "line 2: it has a NUL|line contains NUL"),
        ("", "no column day"),
    ],
)
def test_a_file_that_is_wrong_is_refused_whole(tmp_path, text, said):
    with pytest.raises(SettingsError, match=said):
        read_spend(written(tmp_path, text), currency="EUR")


@pytest.mark.parametrize(("currency", "minor"), [("JPY", 500), ("EUR", 50_000), ("KWD", 500_000)])
def test_an_amount_has_the_digits_of_its_currency(tmp_path, currency, minor):
    text = "day,source,amount\n2026-03-01,google,500\n"
    assert [one.amount_minor for one in read_spend(written(tmp_path, text), currency=currency)] == [minor]
    with pytest.raises(SettingsError, match="decimals"):
        read_spend(written(tmp_path, text.replace("500", "0.0001")), currency=currency)


@pytest.mark.services
def test_digits_are_those_of_the_dashboards(prepared):
    with connect(prepared) as connection, connection.cursor() as cursor:
        for currency in (*WITHOUT_MINOR_UNIT, *WITH_THOUSANDTHS, "EUR", "USD"):
            cursor.execute("select gold.major_units(1, %s)", (currency,))
            (one,) = cursor.fetchone()
            assert one == Decimal(1).scaleb(-minor_digits(currency))


def test_no_file_and_no_text(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        read_spend(tmp_path / "none.csv", currency="EUR")
    with pytest.raises(SettingsError, match="cannot be read as CSV"):
        read_spend(
            written(tmp_path, "day,source,amount\n2026-03-01,süß,1\n", encoding="latin-1"), currency="EUR"
        )


@pytest.mark.services
def test_spend_takes_the_place_of_that_of_its_days_and_currency(prepared):
    first = [Spend(date(2026, 3, day), "google", "", "", 100) for day in (1, 2)]
    again = [Spend(date(2026, 3, 2), "mail", "", "", 7)]
    with connect(prepared) as connection:
        store_spend(connection, first, currency="EUR")
        store_spend(connection, first, currency="USD")
        for _ in range(2):
            store_spend(connection, again, currency="EUR")
        with connection, connection.cursor() as cursor:
            cursor.execute("select currency, day, source, amount_minor from gold.spend order by 1, 2")
            found = [(currency, day.day, *rest) for currency, day, *rest in cursor]
    assert found == [
        ("EUR", 1, "google", 100),
        ("EUR", 2, "mail", 7),
        ("USD", 1, "google", 100),
        ("USD", 2, "google", 100),
    ]
