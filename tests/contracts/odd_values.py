"""JSON values, and texts that are none, at the edges of what the contract takes."""
# ruff: noqa: SIM905 - as lists they would fill pages

import json

NUMBERS = """
    0 -0 1 -1 00 +1 1.0 -1.0 1e2 1E400 -1e400 1e-400 NaN Infinity
    10000 10001 1000000 1000001 1000000000000000 1000000000000001 123456789012345678901
    9223372036854775807 9223372036854775808 -9223372036854775807 -9223372036854775808
    18446744073709551615 18446744073709551616
    946684799999 946684800000 1760003900000 1760003900001 253402300800000
""".split()
TIMES = """
    2025-10-09T08:53:20.112Z 2025-10-09T08:53:20Z 2025-10-09T08:53Z 2025-10-09 20251009T085320Z
    2025-10-09T08:53:20.1234567Z 2025-10-09T08:53:20.12Z 2025-10-09T08:53:20,112Z 2025-W41-4
    2025-10-09t08:53:20z 2025-10-09T08:53:20z 2025-10-09T08:53:20.112 2025-10-09T08:53:20+23:59
    2025-10-09T08:53:60Z 2025-10-09T24:00:00Z 2025-02-29T00:00:00Z 2025-10-09T08:53:20-00:00
    2025-10-09T08:53:20+0100 2025-10-09T08:53:20+24:00 1760000000000 yesterday
    1999-12-31T23:59:59.999999Z 2000-01-01T00:00:00Z 2000-01-01T00:00:00+01:00 2999-01-01
    0001-01-01T00:00:00+23:00 9999-12-31T23:59:59-23:00 \u0662\u0660\u0662\u0665-10-09
""".split()
WORDS = """
    x \u00e9 EUR eur EURO EU \u00c9UR \uff25\uff35\uff32 DE DEU \u65e5\u672c
    page_view purchase paid GOLD gold a/b a"b a\\b \x7f \ufeff \ufffd \uffff
""".split()
LIMITS = (2, 32, 64, 256, 320, 1024, 2048, 4096)
TEXTS = (
    *("", " ", "EUR\n", "E R", " 2025-10-09", "2025-10-09 08:53:20", "a\nb", "a\0b", "\x1f"),
    *(character * (limit + more) for limit in LIMITS for more in (0, 1) for character in "x\u00e9\U0001f600"),
)
WRITTEN_TEXTS = r"""
    "\ud800" "\udc00x" "x\ud83d\ude00" "\uD83D" "\ude00\ud83d" "\u0000" "\u00e9" "a\/b" "\\u0000" "\u0" "\x"
    " 'x' nul
""".split()
OTHERS = """
    null true false [] {} [""] {"a":1} {"a":"\\ud800"} {"a":1,"a":2} {"":null} {"b":[1.0,1e2,-0]}
    [null] [[]] [3] [{}] ["x"]
""".split()
LONG = (
    "1" * 5_000,
    *("[" * depth + "]" * depth for depth in (62, 63, 64, 65, 5_000)),
    "[" + ",".join(["{}"] * 1_001) + "]",
)

_ENCODED = [
    json.dumps(text, ensure_ascii=escaped) for text in (*TIMES, *WORDS, *TEXTS) for escaped in (True, False)
]
ODD_VALUES = ("", '"\t"', *NUMBERS, *dict.fromkeys(_ENCODED), *WRITTEN_TEXTS, *OTHERS, *LONG)
"""What may stand behind a field's name."""
