"""generate: test instructions x systems of some weights -> data/responses/<weights>/, with the prompts they were asked.

Nothing is asked twice.
"""

from itertools import chain, product
from pathlib import Path

from query_assistant.messages import Message
from query_assistant.params import Params
from query_assistant.pipeline.stage import load_apis, run_stage
from query_assistant.project import shared_cache
from query_assistant.retrieval.search import Retriever
from query_assistant.systems.assistant import open_assistant, open_weights
from query_assistant.systems.evaluation_sets import load_evaluation_sets
from query_assistant.systems.generation import System, generate
from query_assistant.systems.kept_prompts import PROMPTS, write_prompts

CODE = Path(".fingerprints/code/generate")


def main(params: Params, weights: str) -> None:
    knobs, apis = params.generate, load_apis(params)
    limits = {"test_limit": knobs.test_limit, "benchmark_limit": knobs.benchmark_limit, "seed": params.seed}
    sets = load_evaluation_sets(Path("data/splits"), Path("data/apis"), params.apis, held_out=knobs.held_out, **limits)
    items, engine = [item for group in sets.values() for item in group], open_weights(weights, params)
    folder, prompts = Path("data/responses") / weights, dict[str, list[list[Message]]]()
    retrievers: dict[str, Retriever] = {}  # the systems' common: an index is read, and an instruction embedded, once
    for words in product([weights], knobs.examples, knobs.context, knobs.decoding):
        system = System.parse("-".join(words))
        assistant = open_assistant(system, params, apis, engine=engine, retrievers=retrievers)
        generate(
            items,
            system,
            assistant.engine,
            assistant.builder,
            folder / f"{system}.jsonl",
            max_new_tokens=assistant.max_new_tokens,
            batch_size=assistant.batch_size,
            grammars=assistant.grammars,
            fingerprint=assistant.fingerprint + CODE.read_text(encoding="utf-8"),
            store=shared_cache() / "answers",
        )
        shown = f"{system.examples}-{system.context}"  # which alone prompts depend on
        if shown not in prompts:
            prompts[shown] = [assistant.builder.build(item.instruction, item.api) for item in items]
    write_prompts(folder / PROMPTS, chain.from_iterable(prompts.values()))


if __name__ == "__main__":
    run_stage(main)
