"""Models, rulings and their stories as tables on the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from jobs.cli.tables import show_table
from pipelines.contracts.registered_model import Event, RegisteredModel
from training.tracking.story import Story


def model_row(one: RegisteredModel) -> dict[str, str]:
    """A version in a list of them."""
    return {
        "problem": one.problem,
        "version": str(one.version),
        "model": one.name,
        "alias": ", ".join(one.aliases) or ("retired" if one.retired else ""),
        "average precision": _interval(one.average_precision),
        "threshold": f"{one.threshold:.3f}",
        "source": one.source,
        "made": f"{one.created_at:%Y-%m-%d %H:%M}",
        "sha256": one.sha256[:12],
    }


def _interval(found: Mapping[str, float | None] | None, *, none: str = "not judged yet") -> str:
    if found is None or found["value"] is None:
        return none
    limits = [found["low"], found["high"]]
    shown = "" if None in limits else f" ({limits[0]:.3f} to {limits[1]:.3f})"
    return f"{found['value']:.3f}{shown}"


def show_story(story: Story) -> None:
    """A version, the contests that it comes from and that judged it last, and what happened to it."""
    show_table([model_row(story.model)])
    if story.born is None:
        click.echo("\nMade outside of contests.")
    for title, ruling in _rulings(story):
        click.echo(
            f"\n{title} {ruling['contest']} (run {ruling['run']}), winner {ruling.get('winner') or 'none'}"
        )
        if ruling.get("reason"):
            click.echo(ruling["reason"])
        if ruling.get("lines"):
            show_table([_line(line) for line in ruling["lines"]])
    if story.model.events:
        click.echo()
        show_table([_event(one) for one in story.model.events])


def _event(one: Event) -> dict[str, str]:
    return {"at (UTC)": f"{one.at:%Y-%m-%d %H:%M:%S}", "what": one.what, "by": one.by, "reason": one.reason}


def _rulings(story: Story) -> Sequence[tuple[str, Mapping[str, Any]]]:
    found = [] if story.born is None else [("Made in contest", story.born)]
    if story.newest is not None and story.newest != story.born:
        found.append(("Last judged in contest", story.newest))
    return found


def _line(line: Mapping[str, Any]) -> dict[str, str]:
    """A contestant's line of a ruling."""
    missed = [one["gate"] for one in line.get("gates", []) if not one["kept"]]
    p = line.get("p_adjusted")
    return {
        "contestant": line["name"] + (" (champion)" if line.get("is_champion") else ""),
        "average precision": _interval(line.get("average_precision"), none=""),
        "difference": _interval(line.get("difference"), none=""),
        "p": "" if p is None else f"{p:.2g}",
        "gates": f"not kept: {', '.join(missed)}" if missed else "kept" if line.get("gates") else "",
        "why": line.get("reason", ""),
    }
