"""Every shipped mapping on its hand-made sample against hand-written records, from files and live."""

import itertools
import json
import pickle
from pathlib import Path

import pytest

from pipelines.connectors.mapping import LiveTranslator, Mapping, load_mapping, mapping_names, open_files
from pipelines.contracts.parsing import KNOWN_AT_HEADER, RawRecord, Reject, parse_record
from pipelines.contracts.topics import all_topics
from pipelines.errors import MappingError
from pipelines.settings import conf_dir

FOLDER = conf_dir() / "mappings"
DATA = Path(__file__).parents[1] / "data" / "mappings"
NAMES = mapping_names(FOLDER)
INGESTED_AT = 1_900_000_000_000_000
REJECTED = {
    "rees46": {("bad_time", "occurred_at"), ("wrong_type", "price_minor")},
    "propensity": {("unknown_choice", "event_type")},
}
"""What the broken rows of the samples must be rejected for; the first broken field is named."""


def sample_of(name: str) -> Path:
    (path,) = [p for p in DATA.glob(f"{name}.*") if not p.name.endswith(".expected.jsonl")]
    return path


def expected_of(name: str) -> list[dict]:
    return [json.loads(line) for line in (DATA / f"{name}.expected.jsonl").read_text().splitlines()]


def mapped(mapping: Mapping, *paths: Path, **options) -> list[dict]:
    with open_files(mapping, paths) as files:
        return [
            {
                "topic": r.topic,
                "key": None if r.key is None else r.key.decode(),
                "known_at": r.known_at,
                "record": json.loads(r.value),
            }
            for r in files.records(**options)
        ]


@pytest.mark.parametrize("name", NAMES)
def test_sample_gives_the_hand_written_records_in_the_order_of_time(name):
    assert mapped(load_mapping(name, folder=FOLDER), sample_of(name)) == expected_of(name)


@pytest.mark.parametrize("name", NAMES)
def test_records_are_valid_but_for_the_broken_rows(name):
    rejects = set()
    for one in expected_of(name):
        headers = [] if one["known_at"] is None else [(KNOWN_AT_HEADER, one["known_at"].encode())]
        raw = RawRecord(one["key"].encode(), json.dumps(one["record"]).encode(), headers, INGESTED_AT)
        outcome = parse_record(raw, all_topics()[one["topic"]])
        if isinstance(outcome, Reject):
            rejects.add((outcome.reason, outcome.field))
    assert rejects <= REJECTED.get(name, set())
    assert bool(rejects) == (name in REJECTED)


@pytest.mark.parametrize("name", NAMES)
def test_live_messages_give_the_same_records(name):
    mapping = load_mapping(name, folder=FOLDER)
    if mapping.files_only:
        with pytest.raises(MappingError, match="files_only"):
            LiveTranslator(mapping)
        return
    translator = pickle.loads(pickle.dumps(LiveTranslator(mapping)))
    outcomes = translator([json.dumps(message).encode() for message in messages_of(name)])
    given = [
        {"topic": topic, "known_at": known_at, "record": json.loads(value)}
        for outcome in outcomes
        for topic, value, known_at in outcome
    ]
    wanted = [{k: v for k, v in one.items() if k != "key"} for one in expected_of(name)]
    by_id = lambda one: one["record"]["event_id"]  # noqa: E731
    assert sorted(given, key=by_id) == sorted(wanted, key=by_id)


def messages_of(name: str) -> list[dict]:
    path = sample_of(name)
    lines = path.read_text().splitlines()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in lines]
    delimiter = "\t" if path.suffix == ".tsv" else ","
    header = lines[0].split(delimiter)
    return [dict(zip(header, line.split(delimiter), strict=False)) for line in lines[1:]]


def test_each_flag_of_the_propensity_data_can_be_had_back():
    sample = sample_of("propensity").read_text().splitlines()
    flags = sample[0].split(",")[1:-1]
    seen: dict[str, set[str]] = {}
    for one in mapped(load_mapping("propensity", folder=FOLDER), sample_of("propensity")):
        if one["topic"] == "clicks" and one["record"]["event_type"] != "checkout_start":
            seen.setdefault(one["key"], set()).add(one["record"]["element"])
    assert len(flags) == 23
    for line in sample[1:3]:
        user, *values, _ordered = line.split(",")
        assert seen[user] == {flag for flag, value in zip(flags, values, strict=True) if value == "1"}


def test_users_of_a_block_are_interleaved_and_blocks_follow_each_other(tmp_path):
    header, *_ = sample_of("propensity").read_text().splitlines()
    rows = [f"u{n}," + ",".join("1" * 23) + ",1" for n in range(250)]
    path = tmp_path / "many.csv"
    path.write_text("\n".join([header, *rows]))
    users = [int(one["key"][1:]) for one in mapped(load_mapping("propensity", folder=FOLDER), path)]
    blocks = [user // 100 for user in users]
    assert blocks == sorted(blocks)
    assert len(users) == 250 * 25
    changes = sum(a != b for a, b in itertools.pairwise(users))
    assert changes > 0.9 * len(users)


def test_excerpt_of_the_real_rees46_file_is_valid_throughout():
    with open_files(load_mapping("rees46", folder=FOLDER), [DATA / "rees46_excerpt.csv.gz"]) as files:
        assert (files.rows, files.rejected_lines, files.unmapped()) == (199, 0, (0, []))
        outcomes = [
            parse_record(RawRecord(r.key, r.value, (), INGESTED_AT), all_topics()[r.topic])
            for r in files.records()
        ]
    assert not [outcome for outcome in outcomes if isinstance(outcome, Reject)]
    paid = [row["total_minor"] for (row,) in outcomes if row.get("status") == "paid"]
    assert len(paid) == 24
    assert all(type(amount) is int and amount > 100 for amount in paid)


def test_rees46_exports_that_rename_or_lose_columns_are_one_input(tmp_path):
    lost = tmp_path / "2020-Jan.csv"
    lost.write_text("user_id,event_time,action,product_id,price\n9,2019-10-01 00:02:00,cart,77,5.00\n")
    renamed = tmp_path / "cosmetics.jsonl"
    renamed.write_text(
        '{"timestamp": "2019-10-01 00:03:00 UTC", "event": "view", "item_id": 5, "visitor_id": 8,'
        ' "session": "s8", "categoryId": 12, "price": 0.1}\n'
    )
    found = [
        one["record"]
        for one in mapped(load_mapping("rees46", folder=FOLDER), sample_of("rees46"), lost, renamed)
    ]
    assert len(found) == 7
    late = {one["visitor_id"]: one for one in found}
    del late["9"]["event_id"], late["8"]["event_id"]
    assert late["9"] == {
        "event_type": "add_to_cart",
        "occurred_at": "2019-10-01T00:02:00.000000Z",
        "visitor_id": "9",
        "user_id": "9",
        "product_id": "77",
        "price_minor": 500,
        "currency": "USD",
    }
    assert late["8"] == {
        "event_type": "product_view",
        "occurred_at": "2019-10-01T00:03:00.000000Z",
        "visitor_id": "8",
        "user_id": "8",
        "session_id": "s8",
        "product_id": "5",
        "category_id": "12",
        "price_minor": 10,
        "currency": "USD",
    }


def test_the_example_of_the_documentation_loads(tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "mappings.md").read_text()
    (tmp_path / "shop.sql").write_text(text.split("```sql\n")[1].split("```")[0])
    path = tmp_path / "shop.csv"
    path.write_text("ts,user_id,event,price,colour\n2024-01-01 10:00:00,7,view,1.5,red\n")
    (one,) = mapped(load_mapping("shop", folder=tmp_path), path)
    assert one["record"]["price_minor"] == 150
    assert one["record"]["properties"] == {"colour": "red"}
