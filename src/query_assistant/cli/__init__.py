"""`query-assistant`, short `qa`.

Exit codes: `exits`. Each command lives in the module named beside it below and is imported only when called, so that
`qa --help` does not wait for torch.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
import traceback
from typing import Any

import click

from query_assistant import __version__
from query_assistant.exits import fail, run_to_exit
from query_assistant.project import load_environment

TRACEBACK = "QUERY_ASSISTANT_TRACEBACK"

COMMANDS = {
    "ask": ("answering", "the query for one instruction"),
    "chat": ("chatting", "one question after the other, with the model loaded"),
    "predict": ("answering", "queries for a file of instructions"),
    "validate": ("meaning", "would the API accept a query, and why not"),
    "compare": ("meaning", "how alike two queries are, and what differs"),
    "explain": ("meaning", "what a query asks for, in words"),
    "execute": ("meaning", "run a query on the replica"),
    "grammar": ("meaning", "the grammar in which every sentence is a valid query"),
    "corrections": ("correcting", "what people put right: kept, listed, taken back, handed to training"),
    "learn": ("learning", "the assistant retrained with corrections, promoted only if better"),
    "search": ("searching", "the knobs that bring most, by Optuna over experiments of DVC"),
    "doctor": ("doctor", "what is set up, what is missing, and how to get it"),
    "score": ("scoring", "the score ladder over a file of predictions"),
    "filter": ("data", "good queries out of access logs"),
    "simulate": ("data", "a year of simulated access logs"),
    "review": ("data", "look through pairs: accept, edit, reject"),
    "import-responses": ("data", "pickled response lists of the prototype as JSON Lines"),
    "import-original": ("data", "a folder of the prototype's tarballs and files, brought into this repository's forms"),
    "api": ("apis", "what is known of each API, and adding one"),
    "serve": ("serving", "the assistant as a page, an HTTP API and MCP"),
    "replica": ("serving", "the local API over HTTP"),
}


class _Kept(Exception):
    """Carries past click what it would end in its own way: in two lines, or with the exit code of a negative answer."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


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

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, EOFError, BrokenPipeError) as error:
            raise _Kept(error) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Plain language in, the right BioThings API query out."""
    load_environment()


def main(arguments: list[str] | None = None) -> None:
    """The entry point: runs one command and leaves with its exit code."""
    _settle_stdout()
    try:
        sys.exit(run(arguments))
    except Exception as error:
        if os.environ.get(TRACEBACK):
            traceback.print_exc()
        reason = f"{type(error).__name__}: {str(error)[:200]}"
        sys.exit(fail(f"this should not have happened, please report it: {reason}; {TRACEBACK}=1 shows where"))


def _settle_stdout() -> None:
    """UTF-8 in every locale, what it cannot hold spelled out; a full disk is an error, even unbuffered."""
    if not isinstance(sys.stdout, io.TextIOWrapper):
        return
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    if isinstance(sys.stdout.buffer, io.RawIOBase):  # PYTHONUNBUFFERED: a short write would go unnoticed
        raw = sys.stdout.detach()
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", "backslashreplace")


def run(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code; expected failures are one line on stderr."""
    return run_to_exit(lambda: _call(arguments))


def _call(arguments: list[str] | None) -> int:
    try:
        result: Any = cli.main(arguments, prog_name="qa", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except _Kept as kept:
        raise kept.error from None
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.ClickException as error:
        return fail(error.format_message())
