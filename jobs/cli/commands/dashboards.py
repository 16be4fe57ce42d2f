"""`clicklake dashboards`: Grafana's dashboards, made from the panels."""

from pathlib import Path

import click

from pipelines.runtime.dashboards.grafana import dashboards


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, writable=True, path_type=Path))
def command(folder: Path) -> None:
    """Write Grafana's dashboards as JSON files into FOLDER, one a board."""
    for name, text in dashboards().items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        click.echo(str(path))
