"""A year of traffic as one endless mixture of visitors, in the shares that real logs are known to have."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from query_assistant.logs.noise import load_familiar
from query_assistant.simulator import background, visitors
from query_assistant.simulator.questions import Asker
from query_assistant.simulator.visitors import Hit, Repertoire, Visitor

# Expected new templates grow as 2 * sqrt(strength * bursts); these give some 2,000 signatures in 155,000 lines.
PEOPLE_STRENGTH = 90.0
SCRIPT_STRENGTH = 40.0
WIDGET_STRENGTH = 10.0


def mixture(api: str) -> dict[str, tuple[float, float, Visitor]]:
    """Name → (share of all lines in percent, mean lines per burst, visitor)."""
    familiar = load_familiar(api)
    mixed: dict[str, tuple[float, float, Visitor]] = {
        "metadata": (21.0, 2.5, background.metadata),
        "status": (8.0, 5.7, background.status),
        "pages": (4.0, 3.0, background.pages),
        "bots": (3.0, 5.7, background.bots),
        "scanners": (3.0, 5.0, background.scanners),
        "other_versions": (2.0, 1.0, background.other_versions),
        "preflights": (1.5, 1.0, background.preflights),
        "continuations": (2.5, 13.3, background.continuations),
        "people": (11.0, 1.6, visitors.people(Repertoire(strength=PEOPLE_STRENGTH, careful=False))),
        "scripts": (14.0, 8.8, visitors.scripts(Repertoire(strength=SCRIPT_STRENGTH, careful=True))),
        "lookups": (12.0, 10.5, visitors.lookups),
        "try_it": (2.5, 1.3, visitors.try_it_page),
        "autocomplete": (4.0, 5.0, visitors.autocomplete),
        "widgets": (1.5, 1.0, visitors.web_widgets(Repertoire(strength=WIDGET_STRENGTH, careful=True))),
        "client_libraries": (4.5, 5.5, visitors.client_libraries),
        "translator": (2.0, 7.2, visitors.translator),
        "spelled_batches": (0.3, 1.0, visitors.spelled_batches),
    }
    if familiar.monitors:
        mixed["monitors"] = (2.0, 4.0, background.monitors(familiar))
    if familiar.examples:
        mixed["examples"] = (1.2, 1.0, background.examples(familiar))
    return mixed


def hits(api: str, asker: Asker, seed: int) -> Iterator[Hit]:
    """Lines without end; the first n are the same for every log of the same seed, however long it is to be."""
    mixed = mixture(api)
    order = Random(f"{seed}:{api}:order")
    streams = {name: Random(f"{seed}:{api}:{name}") for name in mixed}
    names = list(mixed)
    weights = [share / burst for share, burst, _ in mixed.values()]
    while True:
        for name in order.choices(names, weights, k=256):
            yield from mixed[name][2](asker, streams[name])
