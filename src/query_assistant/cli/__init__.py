"""`query-assistant`, short `qa`.

Exit codes: 0, 1 (a negative answer), 2 (misuse or bad input, one clear line on stderr). Each command lives in the
module named beside it below and is imported only when called, so that `qa --help` does not wait for torch.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click
from dotenv import find_dotenv, load_dotenv

from query_assistant import __version__
from query_assistant.errors import QueryAssistantError, told

COMMANDS = {
    "ask": ("answering", "the query for one instruction"),
    "predict": ("answering", "queries for a file of instructions"),
    "validate": ("meaning", "would the API accept a query, and why not"),
    "compare": ("meaning", "how alike two queries are, and what differs"),
    "execute": ("meaning", "run a query on the replica"),
    "grammar": ("meaning", "the grammar in which every sentence is a valid query"),
    "score": ("scoring", "the score ladder over a file of predictions"),
    "filter": ("data", "good queries out of access logs"),
    "simulate": ("data", "a year of simulated access logs"),
    "review": ("data", "look through pairs: accept, edit, reject"),
    "import-responses": ("data", "pickled response lists of the prototype as JSON Lines"),
    "api": ("apis", "what is known of each API, and adding one"),
    "replica": ("serving", "the local API over HTTP"),
}


class LazyGroup(click.Group):
    """A group that knows its commands' names and imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"query_assistant.cli.{COMMANDS[name][0]}")
        attribute = {"filter": "filter_"}.get(name, name.replace("-", "_"))
        command: click.Command = getattr(module, attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Plain language in, the right BioThings API query out."""


def main(arguments: list[str] | None = None) -> None:
    """The entry point: runs one command and leaves with its exit code."""
    load_dotenv(find_dotenv(usecwd=True))
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code; expected failures are one line on stderr."""
    try:
        result: Any = cli.main(arguments, prog_name="qa", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Abort:
        return _fail("interrupted")
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.ClickException as error:
        return _fail(error.format_message())
    except QueryAssistantError as error:
        return _fail(str(error))
    except BrokenPipeError:
        sys.stderr.close()  # the reader, `head` for instance, has seen enough
        return 0
    except OSError as error:
        return _fail(told(error))


def _fail(message: str) -> int:
    shown = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in " ".join(message.split()))
    click.echo(f"error: {shown}", err=True)
    return 2
