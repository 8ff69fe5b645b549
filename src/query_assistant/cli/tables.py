"""Tables: drawn in a terminal, one row a line with tabs between its cells in a pipe or a file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from query_assistant.cli.options import show
from query_assistant.errors import visible

if TYPE_CHECKING:
    from query_assistant.server.documents import QueryAnswer


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]], links: Sequence[str] = ()) -> None:
    """Prints a table. A row's link stands behind its first cell in a terminal, and as a last column elsewhere."""
    if sys.stdout.isatty():
        _draw(columns, rows, links)
        return
    titles = [*columns, "link"] if links else columns
    whole = [[*row, link] for row, link in zip(rows, links, strict=True)] if links else rows
    for line in (titles, *whole):
        click.echo("\t".join(visible(cell) for cell in line))


def show_hits(answer: QueryAnswer) -> None:
    """Prints what records say to a query: how many in all and of which records, rows, counted values."""
    if answer.hits is None:
        show(f"no records: {answer.error}")
        return
    show(f"{answer.hits:,} hit{'' if answer.hits == 1 else 's'}{f', in {answer.note}' if answer.note else ''}")
    if answer.table.rows:
        show_table(answer.table.columns, answer.table.rows, answer.table.links)
    for facet in answer.facets:
        other = [["other", str(facet.other)]] if facet.other else []
        show_table([facet.field, "records"], [[value, str(count)] for value, count in facet.counts] + other)


def _draw(columns: Sequence[str], rows: Sequence[Sequence[str]], links: Sequence[str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.style import Style
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(Text(visible(name)), overflow="fold")
    for place, row in enumerate(rows):
        cells = [Text(visible(cell)) for cell in row]
        if links and links[place]:
            cells[0].stylize(Style(link=links[place], underline=True))
        table.add_row(*cells)
    Console(highlight=False).print(table)
