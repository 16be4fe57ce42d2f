"""The console command: global options, commands found by file name, errors as one sentence.

A command is one module in `jobs/cli/commands/` whose `command` attribute is a click command; its
name is the module's. Modules are imported only when their command is called.
"""

import importlib
import os
import pkgutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

import jobs.cli.commands
from pipelines.errors import ClicklakeError
from pipelines.settings import Settings, child_environment, load_settings


@dataclass(frozen=True)
class Invocation:
    """The global options of this call, and the settings and child environment they mean."""

    conf_file: str | None
    overrides: tuple[str, ...]

    def settings(self) -> Settings:
        """The settings tree. Raises `SettingsError`."""
        return load_settings(conf_file=self.conf_file, overrides=self.overrides)

    def child_environment(self) -> dict[str, str]:
        """Environment for a child process that must read the same settings."""
        return child_environment(conf_file=self.conf_file, overrides=self.overrides)

    @contextmanager
    def inherited(self) -> Iterator[None]:
        """Meanwhile the environment is that of the child processes: for a job that starts some."""
        before = dict(os.environ)
        os.environ.update(self.child_environment())
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


class CommandFolder(click.Group):
    """A group whose commands are the modules of `jobs.cli.commands`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Names of all commands, sorted."""
        return sorted(m.name for m in pkgutil.iter_modules(jobs.cli.commands.__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or none."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"jobs.cli.commands.{cmd_name}")
        found: click.Command = module.command
        return found


@click.command(cls=CommandFolder, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--conf", "conf_file", type=click.Path(), help="A YAML file laid over conf/.")
@click.option("--profile", help="Overlay of conf/: local, ci, cluster or your own.")
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="One setting, such as kafka.port=9192."
)
@click.pass_context
def cli(ctx: click.Context, conf_file: str | None, profile: str | None, overrides: tuple[str, ...]) -> None:
    """Clicklake: a clickstream lakehouse that learns."""
    if profile:
        os.environ["CLICKLAKE_PROFILE"] = profile
    ctx.obj = Invocation(conf_file=conf_file, overrides=overrides)


def main() -> None:
    """Run the command line; a `ClicklakeError` becomes one sentence and its exit code."""
    try:
        sys.exit(cli.main(standalone_mode=False, prog_name="clicklake") or 0)
    except ClicklakeError as error:
        click.echo(f"clicklake: {error}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except click.Abort:
        sys.exit(130)
