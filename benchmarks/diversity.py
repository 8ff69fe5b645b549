"""How alike a set's instructions are, beside other sets, by the same code on samples of the same size.

    python benchmarks/diversity.py --pool 1034 pairs=data/pairs mygene=data/pairs/mygene.jsonl other=dev.json:question

Each argument is NAME=PATH[:KEY]: a file of JSON Lines or of one JSON array, or a folder of *.jsonl, whose objects
hold a text under KEY (default: `instruction`). Texts that occur twice in a set count once.
Prints a Markdown table: `texts` (distinct ones), `words` (mean per text), `distinct_1` to `distinct_3` (higher: more
varied) and `self_bleu_4` (lower: more varied); then the last two again with values masked, since identifiers alone make
texts differ.

The figures depend on how many texts they see, so each is the mean over `--draws` samples of `--size` texts, and the
spread their standard deviation. They depend on what a sample is drawn from, too: from a large set, two phrasings of one
query seldom meet. `--pool` takes as many texts of each set, evenly from its files and from their beginnings.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from query_assistant.pairs.diversity import distinct, self_bleu, wording_skeleton
from query_assistant.seeds import generator

Measure = Callable[[Sequence[str]], float]
MEASURES: Mapping[str, Measure] = {
    "words": lambda texts: statistics.mean(len(text.split()) for text in texts),
    "distinct_1": lambda texts: distinct(texts, 1),
    "distinct_2": lambda texts: distinct(texts, 2),
    "distinct_3": lambda texts: distinct(texts, 3),
    "self_bleu_4": self_bleu,
    "masked distinct_3": lambda texts: distinct([wording_skeleton(text) for text in texts], 3),
    "masked self_bleu_4": lambda texts: self_bleu([wording_skeleton(text) for text in texts]),
}


def main(sets: Sequence[str], size: int, draws: int, pool: int | None) -> None:
    print("| set | texts |", " | ".join(MEASURES), "|")
    print("|---|---:|" + "---:|" * len(MEASURES))
    for argument in sets:
        name, texts = read_set(argument, pool)
        if len(texts) < size:
            raise SystemExit(f"{name} has {len(texts)} distinct texts; expected at least --size {size}")
        print(f"| {name} | {len(texts)} |", " | ".join(measure(texts, size, draws)), "|")


def read_set(argument: str, pool: int | None) -> tuple[str, list[str]]:
    name, _, rest = argument.partition("=")
    place, _, key = rest.partition(":")
    paths = sorted(Path(place).glob("*.jsonl")) if Path(place).is_dir() else [Path(place)]
    texts: dict[str, None] = {}
    for path in paths:
        found = dict.fromkeys(str(item[key or "instruction"]).strip() for item in read_objects(path))
        texts |= dict.fromkeys(list(found)[: pool and -(-pool // len(paths))])
    return name, list(texts)[:pool]


def read_objects(path: Path) -> list[dict[str, object]]:
    text = path.read_text(encoding="utf-8")
    found: list[dict[str, object]]
    if text.lstrip().startswith("["):
        found = json.loads(text)
    else:
        found = [json.loads(line) for line in text.splitlines() if line.strip()]
    return found


def measure(texts: Sequence[str], size: int, draws: int) -> list[str]:
    samples = [generator(draw, "diversity").sample(list(texts), size) for draw in range(draws)]
    cells = []
    for name, figure in MEASURES.items():
        values = [figure(sample) for sample in samples]
        digits = 1 if name == "words" else 3
        cells.append(f"{statistics.mean(values):.{digits}f} ± {statistics.pstdev(values):.{digits}f}")
    return cells


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", metavar="NAME=PATH[:KEY]")
    parser.add_argument("--size", type=int, default=200, help="texts in a sample; larger: all figures less varied")
    parser.add_argument("--draws", type=int, default=5, help="samples to average; more: slower, steadier")
    parser.add_argument(
        "--pool", type=int, help="texts of each set to draw from; more: fewer phrasings of one query meet"
    )
    options = parser.parse_args()
    main(options.sets, options.size, options.draws, options.pool)
