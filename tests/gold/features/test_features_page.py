"""docs/features.md: the set shown there keeps to the contract; the tables are those of the code."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.gold.features import sets
from pipelines.gold.features.describing import summary
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.sets import all_sets
from pipelines.gold.features.windows import TRAILING
from tests.gold.features import test_sets as contract
from tests.gold.features.test_golden_values import LATER, event, values_before

PAGE = (Path(__file__).parents[3] / "docs" / "features.md").read_text()
SHOWN = {"set", "of", "by", "windows", "kept"}


@pytest.fixture
def reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FeatureSet]:
    """The set that the page shows, put where sets are found."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "reading.py").write_text(code)
    monkeypatch.setattr(sets, "__path__", [*sets.__path__, str(tmp_path)])
    yield all_sets()["reading"]
    sys.modules.pop(f"{sets.__name__}.reading")


def test_the_set_shown_keeps_to_the_contract(reading: FeatureSet) -> None:
    contract.test_names_are_names_in_every_store(reading)
    contract.test_it_says_what_it_is(reading)
    contract.test_it_reads_what_events_have(reading)
    contract.test_it_is_forgotten_some_day(reading)
    for clock in contract.CLOCKS:
        contract.test_what_comes_later_changes_nothing_before(reading, clock)
        contract.test_history_is_what_single_events_add_up_to(reading, clock)


def test_the_set_shown_says_how_far_pages_are_read(reading: FeatureSet) -> None:
    rows = [
        event(1, "page_view", 0, "p", 0),
        event(2, "heartbeat", 10, "p", 0, properties='{"scroll_depth":40}'),
        event(3, "heartbeat", 20, "p", 0, properties='{"scroll_depth":90}'),
        event(4, "heartbeat", 30, "p", 0, properties='{"scroll_depth":"far"}'),
    ]
    assert values_before(LATER, reading.name, rows) == {
        "pages": 1, "heartbeats": 3, "depth_max": 90, "depth_mean": 65.0, "heartbeats_per_page": 3.0,
    }  # fmt: skip


def test_the_page_lists_the_sets() -> None:
    listed = re.findall(r"^\| `[a-z_]+` \|.*$", PAGE, re.MULTILINE)
    expected = []
    for name, feature_set in all_sets().items():
        row = {one: value for one, value in summary(feature_set).items() if one in SHOWN} | {
            "set": f"`{name}`"
        }
        expected.append(f"| {' | '.join(row.values())} |")
    assert listed == expected


@pytest.mark.parametrize("window", TRAILING, ids=lambda one: one.suffix)
def test_the_page_says_how_long_windows_are(window) -> None:
    (line,) = [line for line in PAGE.splitlines() if f"| `_{window.suffix}` |" in line]
    tiles = {300: "5 minutes", 3_600: "1 hour", 86_400: "1 day, UTC"}
    units = {"minutes": 60, "hours": 3_600, "days": 86_400}
    least, most, unit = re.search(r"(\d+) to (\d+) (\w+)", line).groups()
    assert f"| {tiles[window.hop]} |" in line
    assert int(least) * units[unit] == window.seconds
    assert int(most) * units[unit] == window.seconds + window.hop
