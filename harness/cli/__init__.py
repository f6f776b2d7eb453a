"""flexrig run | access | portfolio | neighbourhood | trace | rejudge | …"""

from __future__ import annotations

import sys
from importlib import import_module

import click

from harness.core.errors import FlexrigError

EXIT_BENCH_OR_USAGE = 2
COMMANDS = {
    "run": "run.run",
    "doctor": "doctor.doctor",
    "rejudge": "rejudge.rejudge",
    "emulate": "emulate.emulate",
    "capture": "capture.capture",
    "devices": "lists.devices",
    "steps": "lists.steps",
    "rules": "rulebook.rules",
    "access": "access.access",
    "portfolio": "portfolio.portfolio",
    "neighbourhood": "neighbourhood.neighbourhood",
    "trace": "trace.trace_command",
    "check-driver": "kit.check_driver",
    "new-device": "kit.new_device",
}
"""Where in this package each command is: only the one that is called is loaded."""


class _Commands(click.Group):
    """Commands that are loaded when they are called, or listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(".")
        command: click.Command = getattr(import_module(f"{__name__}.{module}"), name)
        _keep_lines(command)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="flexrig")
def cli() -> None:
    r"""Prove on a bench that flexible devices deliver, and that it can be measured.

    \b
    First steps:
      flexrig run quarter_hour                      two trials on the emulated home
      flexrig run quarter_hour --rig stops_early    watch a bad device be caught
      flexrig run                                   every shipped feature
      flexrig doctor my.toml                        prove your bench
      flexrig run my.feature --rig my.toml          your feature on your bench
      flexrig access reports/runs/RUN               which services a session opens
      flexrig portfolio                             from one home to a megawatt
      flexrig neighbourhood                         a year of six kinds of village
      flexrig trace                                 what is asked for, and what shows it
      flexrig check-driver meter/sdm230             prove a driver

    Exit codes: 0 all pass, 1 a device failed, 2 bench or usage fault,
    3 inconclusive.
    """


def _keep_lines(command: click.Command) -> None:
    """Let click see its mark for lines that stand as they are: our texts are raw."""
    command.help = (command.help or "").replace("\\b", "\b")
    if isinstance(command, click.Group):
        for one in command.commands.values():
            _keep_lines(one)


_keep_lines(cli)


def main() -> None:
    """Run the command line; a person's mistake is one sentence and exit code 2."""
    try:
        cli.main(standalone_mode=False)
    except FlexrigError as error:
        click.echo(f"flexrig: {error}", err=True)
        sys.exit(EXIT_BENCH_OR_USAGE)
    except OSError as error:
        if error.filename is None:
            raise
        fact = f"{error.filename}: {error.strerror}. Try: another place, or its rights."
        click.echo(f"flexrig: {fact}", err=True)
        sys.exit(EXIT_BENCH_OR_USAGE)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(EXIT_BENCH_OR_USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("flexrig: interrupted", err=True)
        sys.exit(EXIT_BENCH_OR_USAGE)
