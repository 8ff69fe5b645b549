"""Which fields hold at most one value per record, and which nothing but identifiers? Counted on records.

    python benchmarks/contents.py [--records data/raw/records] [--write]

Rules say what a field means (benchmarks/contents.yaml); records may veto them. A field of a rule is admitted where

- at least 100 records hold it, no record several values of it, be it a list or in a list of objects (identifiers: no
  value that is no identifier), or
- fewer do, none of them several, and the rule names the public code that writes one value.

Prints what is admitted and what not, with the reason; `--write` puts it into data/apis/<api>/contents.csv,
by which probes are made. The figures in it are of 125,162 records, the full set of which data/raw/records is the core.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from query_assistant.apis import Api, api_folder, load_api
from query_assistant.apis.fields import Field
from query_assistant.judging.contents import FILE, ONE_VALUE
from query_assistant.nesting import leaf_values

RULES = Path(__file__).with_suffix(".yaml")
ENOUGH = 100


@dataclass
class Held:
    """What the records hold: per field the records that have it, those with several values, and the prefixes."""

    records: Counter[str] = field(default_factory=Counter)
    several: Counter[str] = field(default_factory=Counter)
    prefixes: dict[str, set[str]] = field(default_factory=dict)

    def add(self, record: Mapping[str, Any]) -> None:
        values: dict[str, list[Any]] = {}
        for path, value in leaf_values(record):
            if value != []:
                values.setdefault(path, []).append(value)
        for path, held in values.items():
            self.records[path] += 1
            self.several[path] += len(held) > 1
            self.prefixes.setdefault(path, set()).update(map(_prefix, held))


def _prefix(value: Any) -> str:
    """`CHEBI` of CHEBI:35358; empty for anything else."""
    found = re.fullmatch(r"([A-Za-z]+):[0-9]+", str(value))
    return found.group(1) if found else ""


@dataclass(frozen=True)
class Verdict:
    """One field of a rule: `holds` is what goes into the file, `refused` why it does not."""

    field: str
    holds: str
    records: int
    origin: str = ""
    refused: str = ""


def verdicts(rules: Mapping[str, Any], api: Api, held: Held) -> list[Verdict]:
    """Every field that a rule names, admitted or not, in the order of the rules."""
    found = [
        _one_value(item, held, rule.get("loader", ""))
        for rule in rules.get("one_value", ())
        for item in _named(rule["fields"], api)
    ]
    found += [
        _identifiers(item, held, prefix)
        for prefix, patterns in rules.get("identifiers", {}).items()
        for item in _named(patterns, api)
    ]
    return found


def _named(patterns: Iterable[str], api: Api) -> Iterator[Field]:
    """Searchable fields by name, and by pattern those that are numbers, or text where no number fits the pattern."""
    for pattern in patterns:
        fitting = [item for item in api.schema.searchable if fnmatchcase(item.name, pattern)]
        numbers = [item for item in fitting if item.numeric]
        yield from numbers if "*" in pattern and numbers else fitting


def _one_value(item: Field, held: Held, loader: str) -> Verdict:
    count, several = held.records[item.name], held.several[item.name]
    if several:
        return Verdict(item.name, ONE_VALUE, count, refused=f"{several} records hold several values")
    if count >= ENOUGH:
        return Verdict(item.name, ONE_VALUE, count, "records")
    if loader:
        return Verdict(item.name, ONE_VALUE, count, loader)
    return Verdict(item.name, ONE_VALUE, count, refused=f"only {count} records hold it")


def _identifiers(item: Field, held: Held, prefix: str) -> Verdict:
    count, prefixes = held.records[item.name], held.prefixes.get(item.name, set())
    if prefixes - {prefix}:
        return Verdict(item.name, prefix, count, refused=f"some value is no {prefix} identifier")
    if count < ENOUGH:
        return Verdict(item.name, prefix, count, refused=f"only {count} records hold it")
    return Verdict(item.name, prefix, count, "records")


def held_in(path: Path) -> Held:
    held = Held()
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            held.add(json.loads(line))
    return held


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=Path, default=Path("data/raw/records"), help="folder of <api>.jsonl.gz")
    parser.add_argument("--write", action="store_true", help=f"write {FILE}")
    options = parser.parse_args()
    for name, rules in yaml.safe_load(RULES.read_text(encoding="utf-8")).items():
        rows: set[tuple[str, str, int, str]] = set()
        for verdict in verdicts(rules, load_api(name), held_in(options.records / f"{name}.jsonl.gz")):
            said = f"refused: {verdict.refused}" if verdict.refused else f"{verdict.holds}, by {verdict.origin}"
            print(f"{name:10} {verdict.field:45} {verdict.records:6} records  {said}")
            if not verdict.refused:
                rows.add((verdict.field, verdict.holds, verdict.records, verdict.origin))
        print(f"{name}: {len(rows)} fields admitted")
        if options.write:
            with (api_folder(name) / FILE).open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerows([("field", "holds", "records", "origin"), *sorted(rows)])


if __name__ == "__main__":
    main()
