"""`clicklake contract`: the documented records and tables, for people, producers and editors."""

import json

import click

from pipelines.contracts.avro import MARKER, avro_schema, fingerprint_of
from pipelines.contracts.document import contract_page, topic_section
from pipelines.contracts.json_schema import json_schema
from pipelines.contracts.topic import TopicSpec
from pipelines.contracts.topics import all_topics
from pipelines.errors import SettingsError


@click.command()
@click.argument("topic", required=False)
@click.option(
    "--format",
    "shape",
    type=click.Choice(["markdown", "json", "avro"]),
    default="markdown",
    show_default=True,
    help="A page, a JSON Schema, or an Avro schema.",
)
def command(topic: str | None, shape: str) -> None:
    """Print the data contract: all of it, or that of one TOPIC."""
    if topic is None and shape == "markdown":
        click.echo(contract_page(), nl=False)
        return
    spec = _topic(topic)
    if shape == "markdown":
        click.echo(topic_section(spec), nl=False)
    elif shape == "json":
        click.echo(json.dumps(json_schema(spec), indent=2))
    else:
        _print_avro(spec)


def _topic(name: str | None) -> TopicSpec:
    found = all_topics().get(name or "")
    if found is None:
        known = ", ".join(all_topics())
        said = f"there is no topic `{name}`" if name else "a schema is that of one topic: name it"
        raise SettingsError(f"{said}; the topics are {known}.")
    return found


def _print_avro(topic: TopicSpec) -> None:
    schema = avro_schema(topic)
    click.echo(json.dumps(schema, indent=2))
    opening = (MARKER + fingerprint_of(schema)).hex()
    click.echo(
        f"Single-object encoding: a Kafka value is the bytes {opening}, then the record's encoding "
        "(fastavro.schemaless_writer; Java: BinaryMessageEncoder).",
        err=True,
    )
