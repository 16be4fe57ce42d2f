"""What a mapping file may say: each mistake is one sentence that names the place and helps."""

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.connectors.mapping import load_mapping, mapping_names, mapping_text, open_files
from pipelines.connectors.mapping.database import connect
from pipelines.contracts.topics import all_topics
from pipelines.errors import MappingError
from pipelines.settings import conf_dir

FOLDER = conf_dir() / "mappings"
HEAD = "-- @column id = id\n-- @column moment? = moment\n-- @topic {topic}\nselect {select} from input\n"
CLICK = "_row, id as event_id, 'page_view' as event_type, moment as occurred_at, id as visitor_id"
ORDER = "_row, id as event_id, id as order_id, moment as occurred_at, id as visitor_id, 'paid' as status"
LINES = "[{product_id: id, quantity: 1}] as lines"


def load(tmp_path, text: str):
    (tmp_path / "own.sql").write_text(text)
    return load_mapping("own", folder=tmp_path)


def mistake(tmp_path, text: str) -> str:
    with pytest.raises(MappingError) as error:
        load(tmp_path, text)
    sentence = str(error.value)
    assert sentence.startswith("conf/mappings/own.sql")
    assert sentence.endswith((".", "}."))
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize(
    ("select", "says"),
    [
        (
            f"{CLICK}, id as product",
            "`product` is not a field of clicks; did you mean `product_id`? If not, put",
        ),
        (f"{CLICK}, id as zzz", "`zzz` is not a field of clicks; put it into `properties`, as in {zzz: ...}"),
        (
            f"{CLICK}, 1.5 as price_minor",
            "`price_minor` is DECIMAL(2,1), but the field is money; give whole minor",
        ),
        (
            f"{CLICK}, id::double as quantity",
            "`quantity` is DOUBLE, but the field is integer; cast it to bigint",
        ),
        (
            f"{CLICK}, id::double as session_id",
            "`session_id` is DOUBLE, but the field is id; cast it to varchar",
        ),
        (f"{CLICK}, id as properties", "`properties` is VARCHAR; give a struct, a map or JSON"),
        (CLICK.replace("_row, ", ""), "it does not give `_row`"),
        (CLICK.replace("occurred_at", "known_at"), "it does not give `occurred_at`"),
        (f"{CLICK}, visitor", 'Referenced column "visitor" not found'),
        (f"{CLICK} frm", "syntax error"),
        (f"{CLICK} from input; drop view input; select 1", "must be one select"),
        (f"{CLICK}, {LINES}", "`lines` is not a field of clicks"),
        (f"{CLICK}, (select 1 from '/etc/passwd') as quantity", "does not exist"),
        (f"{CLICK}, (select text from read_text('/etc/passwd')) as page_url", "disabled"),
    ],
)
def test_mistakes_in_a_select(tmp_path, select, says):
    sentence = mistake(tmp_path, HEAD.format(topic="clicks", select=select))
    assert "select for `clicks` at line 3" in sentence
    assert says in sentence


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("id as x", "`x` is not a field"),
        ("id as lines", "`lines` is VARCHAR; give a list of structs, or JSON"),
        ("[id] as lines", "`lines` is VARCHAR[]; give a list of structs"),
        (
            "[{product: id, quantity: 1}] as lines",
            "in `lines`: `product` is not a field of orders; did you mean",
        ),
        ("[{product_id: id, quantity: 1.0}] as lines", "in `lines`: `quantity` is DECIMAL(2,1)"),
        ("1 as quantity", "`quantity` is not a field of orders"),
        ("null as user_id", "it does not give `lines`"),
    ],
)
def test_mistakes_in_an_order(tmp_path, lines, says):
    assert says in mistake(tmp_path, HEAD.format(topic="orders", select=f"{ORDER}, {lines}"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("-- @colum id = id\n", "line 1: `@colum` is none of about, column"),
        ("-- @column 1d = x\n", "line 1: write `@column name ="),
        ("-- @column id = a | | b\n", "line 1: write `@column name ="),
        ("-- @column id\n-- @column ID = x\n-- @topic clicks\nselect 1", "`@column id` is declared twice"),
        ("-- @topic clicks\nselect 1", "no `-- @column`"),
        (
            "-- @column order = x\n-- @topic clicks\nselect 1",
            "`@column order`: `order` is a word of SQL; choose",
        ),
        ("-- @column id\n", "no `-- @topic NAME`"),
        ("-- @column id\n-- @topic clicks\n-- nothing\n", "there is no select below it"),
        ("-- @column id\nselect 1\n", "line 2: SQL stands before the first `-- @topic NAME`"),
        (HEAD.format(topic="klicks", select=CLICK), "the topics are clicks, decisions, offers, orders"),
    ],
)
def test_mistakes_in_the_directives(tmp_path, text, says):
    assert says in mistake(tmp_path, text)


def test_unknown_name_lists_the_mappings_and_the_nearest():
    with pytest.raises(MappingError, match=r"did you mean `rees46`\? They are attribution, .*or the path of"):
        load_mapping("rees47", folder=FOLDER)
    with pytest.raises(MappingError, match="there is no such mapping file"):
        load_mapping("./rees46.sql", folder=FOLDER)
    assert "@topic orders" in mapping_text("rees46", folder=FOLDER)


def test_each_shipped_mapping_says_what_it_is_for():
    for name in mapping_names(FOLDER):
        mapping = load_mapping(name, folder=FOLDER)
        assert len(mapping.about) > 40
        assert set(mapping.topics) <= set(all_topics())


def test_times_of_every_sql_type_become_utc_and_shift_alike(tmp_path):
    select = CLICK.replace("moment as occurred_at", "{} as occurred_at")
    kinds = [
        "moment",
        "moment::timestamp",
        "(moment || '+02:00')::timestamptz",
        "moment::date",
        "epoch_ms(moment::timestamp)",
    ]
    text = "-- @column id\n-- @column moment\n" + "".join(
        f"-- @topic clicks\nselect {select.format(kind)}, {kind} as known_at from input\n" for kind in kinds
    )
    path = tmp_path / "a.csv"
    path.write_text("id,moment\nx,2024-02-03T04:05:06.7\n")
    with open_files(load(tmp_path, text), [path]) as files:
        plain = {json.loads(one.value)["occurred_at"] for one in files.records()}
        moved = {json.loads(one.value)["occurred_at"] for one in files.records(shift_micros=86_400_000_000)}
        known = {one.known_at for one in files.records(shift_micros=86_400_000_000)}
    assert plain == {
        "2024-02-03T04:05:06.7",
        "2024-02-03T04:05:06.700000Z",
        "2024-02-03T02:05:06.700000Z",
        "2024-02-03T00:00:00.000000Z",
        1706933106700,
    }
    wanted = {"2024-02-04T04:05:06.700000Z", "2024-02-04T02:05:06.700000Z", "2024-02-04T00:00:00.000000Z"}
    assert moved == known == wanted


def test_nulls_are_left_out_at_every_depth(tmp_path):
    select = f"{ORDER}, null as session_id, {{a: null, b: {{c: null, d: 1}}}} as properties, " + (
        "[{product_id: id, quantity: 1, brand: null}] as lines"
    )
    path = tmp_path / "a.csv"
    path.write_text("id,moment\nx,2024-02-03T04:05:06Z\n")
    with open_files(load(tmp_path, HEAD.format(topic="orders", select=select)), [path]) as files:
        (record,) = files.records()
    found = json.loads(record.value)
    assert found["properties"] == {"b": {"d": 1}}
    assert found["lines"] == [{"product_id": "x", "quantity": 1}]
    assert "session_id" not in found


@pytest.fixture(scope="module")
def macro():
    connection = connect(threads=1)

    def call(sql: str, values: list[str | None]) -> list:
        rows = connection.execute(
            f"select {sql} from (select unnest(?::varchar[]) as x)", [values]
        ).fetchall()
        return [None if text is None else json.loads(text) for (text,) in rows]

    yield call
    connection.close()


prices = st.decimals(min_value=0, max_value=10**13, places=2, allow_nan=False)


@given(st.lists(prices, min_size=1, max_size=50))
@settings(max_examples=50, deadline=None)
def test_prices_become_minor_units_exactly(macro, values):
    assert macro("minor_units(x)", [str(v) for v in values]) == [int(v * 100) for v in values]
    assert macro("rounded_minor_units(x)", [f"{v:f}" for v in values]) == [int(v * 100) for v in values]


@given(st.lists(st.text(max_size=12), min_size=1, max_size=50))
@settings(max_examples=50, deadline=None)
def test_any_text_is_an_exact_amount_or_passes_untouched(macro, values):
    values = [v.encode("utf-8", "ignore").decode() for v in values]
    for text, found in zip(values, macro("minor_units(x)", values), strict=True):
        assert found == text or Decimal(text) * 100 == found


def test_amounts_by_hand(macro):
    given_texts = [
        "35.79",
        "0.1",
        "7",
        "7.",
        "-3.50",
        "35.790",
        "35.795",
        "1e3",
        "1,50",
        "",
        " 1",
        "NaN",
        None,
    ]
    wanted = [3579, 10, 700, 700, -350, 3579, "35.795", "1e3", "1,50", "", " 1", "NaN", None]
    assert macro("minor_units(x)", given_texts) == wanted
    assert macro("minor_units(x, 0)", ["1200", "12.5"]) == [1200, "12.5"]
    assert macro("minor_units(x, digits := 3)", ["1.234", "1.2345"]) == [1234, "1.2345"]
    floats = ["12.620001", "0.15000000000000002", "1.5e1", "2.675", "1.005", "x", "1e99", None]
    assert macro("rounded_minor_units(x)", floats) == [1262, 15, 1500, 268, 101, "x", "1e99", None]
    assert macro("basis_points(x)", ["0.15000000000000002", "0", "1"]) == [1500, 0, 10000]
    assert macro("whole_number(x)", ["12", "-3", "1.5", "x", None]) == [12, -3, "1.5", "x", None]


def test_times_and_lists_by_hand(macro):
    forms = "to_json(utc_time(x, ['%d.%m.%Y %H:%M', '%Y-%m-%d %H:%M:%S UTC']))"
    texts = ["31.12.2024 23:59", "2019-10-01 00:00:00 UTC", "31.13.2024 23:59", "soon", None]
    wanted = ["2024-12-31T23:59:00.000000Z", "2019-10-01T00:00:00.000000Z", "31.13.2024 23:59", "soon", None]
    assert macro(forms, texts) == wanted
    assert macro("to_json(json_items(x))", ['[{"a":1},2]', "{}", "[", "text", None]) == [
        [{"a": 1}, 2],
        *[None] * 4,
    ]
    assert macro("or_text(try_cast(x as bigint), x)", ["5", "five", None]) == [5, "five", None]
