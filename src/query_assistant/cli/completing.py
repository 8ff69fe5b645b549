"""`qa completion`: what a shell runs to complete commands, options and names of APIs."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from query_assistant.errors import MissingResourceError

VARIABLE = "_QA_COMPLETE"  # click's, from the name that `main` gives the program, whichever it was called by


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes `qa` and `query-assistant` in SHELL.

    \b
    bash   echo 'eval "$(qa completion bash)"' >> ~/.bashrc
    zsh    echo 'eval "$(qa completion zsh)"' >> ~/.zshrc        after compinit
    fish   qa completion fish > ~/.config/fish/completions/qa.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise MissingResourceError(f"click knows no {shell}; `pip install -U click`")
    for name in ("qa", "query-assistant"):
        click.echo(kind(ctx.find_root().command, {}, name, VARIABLE).source())
