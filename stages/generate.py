"""generate: test instructions + one system -> data/responses/<system>.jsonl; a killed run goes on where it was."""

from pathlib import Path

from query_assistant.params import Params
from query_assistant.pipeline.stage import load_apis, run_stage
from query_assistant.systems.assistant import open_assistant
from query_assistant.systems.evaluation_sets import load_evaluation_sets
from query_assistant.systems.generation import System, generate


def main(params: Params, name: str) -> None:
    system, knobs = System.parse(name), params.generate
    limits = {"test_limit": knobs.test_limit, "benchmark_limit": knobs.benchmark_limit, "seed": params.seed}
    sets = load_evaluation_sets(Path("data/splits"), Path("data/apis"), params.apis, **limits)
    assistant = open_assistant(system, params, load_apis(params))
    generate(
        [item for items in sets.values() for item in items],
        system,
        assistant.engine,
        assistant.builder,
        Path(f"data/responses/{name}.jsonl"),
        max_new_tokens=assistant.max_new_tokens,
        batch_size=assistant.batch_size,
        grammars=assistant.grammars,
        fingerprint=assistant.fingerprint,
    )


if __name__ == "__main__":
    run_stage(main)
