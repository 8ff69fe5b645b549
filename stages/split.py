"""split: pairs -> data/splits/{train,validation,test}.jsonl by query skeleton; a leak fails the stage."""

from pathlib import Path

from query_assistant.params import Params
from query_assistant.pipeline.stage import load_apis, run_stage
from query_assistant.records import Pair, read_jsonl, write_json, write_jsonl
from query_assistant.retrieval.linking import taught_queries
from query_assistant.retrieval.search import embedder, remembered
from query_assistant.seeds import derive_seed
from query_assistant.splits import SplitSettings, check_leaks, split
from query_assistant.systems.evaluation_sets import load_benchmark, load_development

LINKER = Path("data/raw/published-linker")


def main(params: Params) -> None:
    apis, knobs = load_apis(params), params.split
    pairs = [pair for name in apis for pair in read_jsonl(f"data/pairs/{name}.jsonl", Pair)]
    measured = [load(Path("data/apis"), params.apis) for load in (load_benchmark, load_development)]
    benchmark = [item for items in measured for item in items]
    settings = SplitSettings(**knobs.model_dump(), seed=derive_seed(params.seed, "split"))
    embed = remembered(embedder())  # what is split is looked through for leaks afterwards
    taught = taught_queries(LINKER) if params.link.engine == "published" else frozenset()
    parts = split(pairs, apis, benchmark, settings, embed, taught)
    check_leaks(parts, apis, benchmark, settings.similarity, embed)
    for name in ("train", "validation", "test"):
        write_jsonl(f"data/splits/{name}.jsonl", getattr(parts, name))
    figures = vars(parts.report) | {"removed": dict(sorted(parts.report.removed.items())), "leaks": 0}
    figures.pop("removed_examples")
    write_json("metrics/split.json", figures)
    print(f"{len(parts.train)} train, {len(parts.validation)} validation, {len(parts.test)} test; no leak")


if __name__ == "__main__":
    run_stage(main)
