"""generate: test instructions x systems of some weights -> data/responses/<weights>/; nothing is asked twice."""

from itertools import product
from pathlib import Path

from query_assistant.params import Params
from query_assistant.pipeline.stage import load_apis, run_stage
from query_assistant.project import shared_cache
from query_assistant.retrieval.search import Retriever
from query_assistant.systems.assistant import open_assistant, open_weights
from query_assistant.systems.evaluation_sets import load_evaluation_sets
from query_assistant.systems.generation import System, generate

CODE = Path(".fingerprints/code/generate")


def main(params: Params, weights: str) -> None:
    knobs, apis = params.generate, load_apis(params)
    limits = {"test_limit": knobs.test_limit, "benchmark_limit": knobs.benchmark_limit, "seed": params.seed}
    sets = load_evaluation_sets(Path("data/splits"), Path("data/apis"), params.apis, held_out=knobs.held_out, **limits)
    engine = open_weights(weights, params)
    retrievers: dict[str, Retriever] = {}  # the systems' common: an index is read, and an instruction embedded, once
    for words in product([weights], knobs.examples, knobs.context, knobs.decoding):
        system = System.parse("-".join(words))
        assistant = open_assistant(system, params, apis, engine=engine, retrievers=retrievers)
        generate(
            [item for items in sets.values() for item in items],
            system,
            assistant.engine,
            assistant.builder,
            Path(f"data/responses/{weights}/{system}.jsonl"),
            max_new_tokens=assistant.max_new_tokens,
            batch_size=assistant.batch_size,
            grammars=assistant.grammars,
            fingerprint=assistant.fingerprint + CODE.read_text(encoding="utf-8"),
            store=shared_cache() / "answers",
        )


if __name__ == "__main__":
    run_stage(main)
