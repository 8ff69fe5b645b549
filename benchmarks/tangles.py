"""How many tangled queries are wrongly taken for the same? Random records are the judge, and know nothing of probes.

    python benchmarks/tangles.py [--pairs 1500] [--seed 0]

Random trees of up to nine clauses on eight fields, with overlapping words (alpha, alphas), are changed in one place.
Six thousand random records say which pairs differ; those that `compare`, by probes alone, calls the same are missed.
The fields are of MyChem: two of words, a keyword, a case-sensitive one, whole numbers and real ones, of which records
hold one or several.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable, Collection
from random import Random
from typing import Any

from query_assistant.apis import Api, load_api
from query_assistant.judging.comparison import compare
from query_assistant.judging.contents import single_valued
from query_assistant.judging.readings import reading_of
from query_assistant.records import Query
from query_assistant.replica.index import Index
from query_assistant.replica.layout import layout_of
from query_assistant.replica.matching import Matcher

NAME, OTHER, KEY, CASED = "chebi.name", "pubchem.iupac.traditional", "unii.unii", "gtopdb.smiles"
COUNTS = ("pubchem.heavy_atom_count", "aeolus.outcomes.case_count")
REALS = ("pubchem.xlogp", "aeolus.outcomes.prr")
WORDS = ("alpha", "alphas", "beta", "gamma")
RECORDS = 6000


def clause(random: Random) -> str:
    """One clause of any form."""
    field, one, two = random.choice((NAME, OTHER)), random.choice(WORDS), random.choice(WORDS)
    low, high = random.choice(("0.5", "1", "*")), random.choice(("1.5", "2", "*"))
    count, real = random.choice(COUNTS), random.choice(REALS)
    return random.choice(
        (
            f"{field}:{one}",
            f'{field}:"{one} {two}"',
            f"{field}:({one} {two})",
            f"{field}:({one} OR {two})",
            f"{field}:{one[:3]}*",
            f"{field}:*{one[-2:]}",
            f"{field}:{one[:2]}?{one[3:]}",
            f'{field}:"{one} {two}"~{random.randint(1, 3)}',
            f"{field}:{one}~1",
            f"{field}:/{one[:3]}[a-z]*/",
            f"{KEY}:{one}",
            f'{KEY}:"{one} {two}"',
            f"{KEY}:{one[:3]}*",
            f"_exists_:{random.choice((KEY, count, NAME))}",
            f"{count}:{random.choice(('', '>', '>=', '<', '<='))}{random.randint(1, 5)}",
            f"{count}:{random.choice('[{')}{random.randint(1, 3)} TO {random.randint(3, 6)}{random.choice(']}')}",
            f"{real}:{random.choice('[{')}{low} TO {high}{random.choice(']}')}",
            f"{CASED}:{random.choice(('abc', 'ABC'))}",
        )
    )


def tree(random: Random, depth: int = 2) -> str:
    if depth == 0 or random.random() < 0.3:
        return clause(random)
    sign = random.choice((" AND ", " OR ", " AND NOT "))
    return "(" + sign.join(tree(random, depth - 1) for _ in range(random.randint(2, 3))) + ")"


CHANGES: tuple[Callable[[str, Random], str], ...] = (
    lambda q, random: q.replace(" AND ", " OR ", 1),
    lambda q, random: q.replace(" OR ", " AND ", 1),
    lambda q, random: q.replace("AND NOT", "AND", 1),
    lambda q, random: re.sub(r"\[(?=[0-9*])", "{", q, count=1),
    lambda q, random: re.sub(r"\b(alphas?|beta|gamma)\b", random.choice(WORDS), q, count=1),
    lambda q, random: q.replace(NAME, OTHER, 1),
    lambda q, random: q.replace("~1", "~2", 1),
)


def changed(q: str, random: Random) -> str:
    """The query changed in one place; another one where no change applies."""
    options = [made for change in CHANGES if (made := change(q, random)) != q]
    return random.choice(options) if options else clause(random)


def record(number: int, random: Random, single: Collection[str]) -> dict[str, Any]:
    """A record of random values, now and then two in a field that may hold two."""
    makers: dict[str, Callable[[], Any]] = {
        NAME: lambda: " ".join(random.choices((*WORDS, "more", "alph", "betas"), k=random.randint(1, 5))),
        OTHER: lambda: " ".join(random.choices((*WORDS, "more", "gammx"), k=random.randint(1, 5))),
        KEY: lambda: " ".join(random.choices((*WORDS, "alp"), k=random.randint(1, 2))),
        CASED: lambda: random.choice(("abc", "ABC")),
        **dict.fromkeys(COUNTS, lambda: random.randint(0, 7)),
        **dict.fromkeys(REALS, lambda: random.choice((0.4, 0.5, 0.75, 1, 1.5, 1.6, 2, 2.5))),
    }
    document: dict[str, Any] = {"_id": f"r{number}"}
    for path, make in makers.items():
        if random.random() < 0.5:
            *parents, last = path.split(".")
            inner = document
            for name in parents:
                inner = inner.setdefault(name, {})
            inner[last] = make() if path in single or random.random() < 0.75 else [make(), make()]
    return document


def differ(left: Query, right: Query, api: Api, index: Index) -> bool:
    matcher = Matcher(index)
    one, other = (matcher.matches(reading_of(query, api).root) for query in (left, right))
    return bool((one != other).any())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random, api = Random(options.seed), load_api("mychem")
    records = [record(number, random, single_valued(api)) for number in range(RECORDS)]
    index = Index.of_records(layout_of(api), records)
    different, missed, began = 0, [], time.perf_counter()
    for _ in range(options.pairs):
        text = tree(random)
        left, right = (Query(query=f"/v1/query?q={q}") for q in (text, changed(text, random)))
        if differ(left, right, api, index):
            different += 1
            if compare(left, right, api).relation != "different":
                missed.append((left.query, right.query))
    each = 1000 * (time.perf_counter() - began) / options.pairs
    print(f"{different} of {options.pairs} pairs differ; missed {len(missed)}, {len(missed) / max(different, 1):.2%}")
    print(f"{each:.1f} ms a pair, random records included")
    for left_text, right_text in missed:
        print(f"  {left_text}\n  {right_text}\n")


if __name__ == "__main__":
    main()
