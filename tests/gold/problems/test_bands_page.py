"""The table of bands on the page of the policy is what the actions say."""

from pathlib import Path

from pipelines.gold.problems import all_problems
from pipelines.gold.problems.action import bands

PAGE = Path(__file__).parents[3] / "docs" / "policy.md"


def table() -> str:
    """Per problem a line: up to which probability which action is worth most."""
    lines = ["| problem | from 0 % up |", "| --- | --- |"]
    for name, problem in all_problems().items():
        found = bands(problem.actions, benefit_minor=problem.worth.benefit_minor)
        steps = [f"`{one.action.name}`" + (f" {one.high:.1%}" if one.high < 1 else "") for one in found]
        lines.append(f"| `{name}` | {', '.join(steps)} |")
    return "\n".join(lines)


def prices() -> str:
    """Per problem and action a line with what is assumed of it."""
    lines = [
        "| problem | action | cost | cost if bought | odds | |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, problem in all_problems().items():
        lines += [
            f"| `{name}` | `{one.name}` | {one.cost_minor} | {one.cost_if_bought_minor} | {one.lift:+.0%} "
            f"| {one.meaning} |"
            for one in problem.actions
        ]
    return "\n".join(lines)


def test_the_page_shows_the_bands():
    assert table() in PAGE.read_text(), f"the table should read:\n{table()}"


def test_the_page_shows_what_is_assumed():
    assert prices() in PAGE.read_text(), f"the table should read:\n{prices()}"
