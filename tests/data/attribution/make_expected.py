"""Makes the files of this folder, by an independent implementation.

Run in an environment of its own, never the project's:

    pip install marketing-attribution-models==2.1.1
    python tests/data/attribution/make_expected.py FOLDER

FOLDER holds `attribution/touchpoints.csv.gz` and `attribution_playbook/`. A visitor's touches by time are
cut after each conversion; each part is a path. All numbers of `expected.json` are the package's own:
value by source in minor units, and for Markov the removal effects.
"""

import csv
import gzip
import io
import json
import sys
from collections import Counter
from itertools import groupby
from pathlib import Path

import polars as pl
from mam.core import MAM

HERE = Path(__file__).parent
EXCERPT_VISITORS = 500
COLUMNS = ["visitor", "time", "source", "converts", "value_minor"]


def main(folder: Path) -> None:
    touchpoints = read_touchpoints(folder / "attribution" / "touchpoints.csv.gz")
    playbook = read_playbook(folder / "attribution_playbook")
    visitors = sorted({row[0] for row in touchpoints})[:EXCERPT_VISITORS]
    excerpt = [row for row in touchpoints if row[0] in set(visitors)]
    write(HERE / "touchpoints_excerpt.csv.gz", COLUMNS, excerpt)
    write(HERE / "playbook.csv.gz", COLUMNS, playbook)
    columns = ["path", "conversions", "non_conversions", "value_minor"]
    write(HERE / "touchpoints_paths.csv.gz", columns, paths_of(touchpoints))
    expected = {
        "touchpoints_excerpt": expected_of(excerpt),
        "playbook": expected_of(playbook),
        "touchpoints_paths": expected_of(touchpoints),
    }
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")


def read_touchpoints(path: Path) -> list[tuple]:
    with gzip.open(path, "rt") as file:
        rows = [
            (
                row["customer_id"],
                row["time"].removesuffix("Z"),
                row["channel"],
                int(row["conversion"]),
                round(float(row["conversion_value"]) * 100),
            )
            for row in csv.DictReader(file)
        ]
    return sorted(rows)


def read_playbook(folder: Path) -> list[tuple]:
    with (folder / "customer_conversions.csv").open() as file:
        orders = {
            row["customer_id"]: (padded(row["converted_at"]), int(row["revenue"]) * 100)
            for row in csv.DictReader(file)
        }
    with (folder / "sessions.csv").open() as file:
        sessions = sorted(
            (row["customer_id"], padded(row["started_at"]), row["utm_source"]) for row in csv.DictReader(file)
        )
    converting = {}
    for customer, started_at, _ in sessions:
        if customer in orders and started_at <= orders[customer][0]:
            converting[customer] = started_at
    return [
        (customer, time, source, *((1, orders[customer][1]) if converting.get(customer) == time else (0, 0)))
        for customer, time, source in sessions
    ]


def padded(time: str) -> str:
    day, clock = time.split(" ")
    return f"{day}T{clock.zfill(8)}"


def paths_of(rows: list[tuple]) -> list[tuple]:
    counts: dict[str, Counter] = {}
    for _, touches in groupby(rows, key=lambda row: row[0]):
        sources: list[str] = []
        for _, _, source, converts, value_minor in touches:
            sources.append(source)
            if converts:
                count = counts.setdefault(" > ".join(sources), Counter())
                count.update(conversions=1, value_minor=value_minor)
                sources = []
        if sources:
            counts.setdefault(" > ".join(sources), Counter()).update(non_conversions=1)
    return [
        (path, count["conversions"], count["non_conversions"], count["value_minor"])
        for path, count in sorted(counts.items())
    ]


def expected_of(rows: list[tuple]) -> dict:
    frame = pl.DataFrame(rows, schema=COLUMNS, orient="row").with_columns(pl.col("converts") == 1)
    mam = MAM(
        frame,
        format_type="session",
        channels_colname="source",
        journey_with_conv_colname="converts",
        datetime_colname="time",
        user_id_colname="visitor",
        conversion_value_colname="value_minor",
        create_journey_id_based_on_conversion=True,
    )
    runs = {
        "first": mam.run_first_click(),
        "last": mam.run_last_click(),
        "linear": mam.run_linear(),
        "position": mam.run_position_based(),
        "time_decay": mam.run_time_decay(half_life_hours=7 * 24),
        "shapley_rate": mam.run_shapley(max_size=None, value_column="conv_rate"),
    }
    tables = {name: by_source(run.to_polars()) for name, run in runs.items()}
    effects = mam.run_markov().metadata["removal_effect"]["removal_effect"]
    return {**tables, "markov_removal_effects": {name: round(effects[name], 12) for name in effects.index}}


def by_source(table: pl.DataFrame) -> dict[str, float]:
    return {str(source): round(value, 6) for source, value in table.iter_rows()}


def write(path: Path, columns: list[str], rows: list[tuple]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([columns, *rows])
    path.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
