"""generate: test instructions + one system -> data/responses/<system>.jsonl; a killed run goes on where it was."""

import hashlib
from pathlib import Path

from query_assistant.engines import Engine, EngineSettings, open_engine
from query_assistant.evaluation_sets import load_evaluation_sets
from query_assistant.fetching import describe
from query_assistant.generation import System, generate
from query_assistant.params import Params
from query_assistant.prompts import PromptBuilder, PromptSettings
from query_assistant.queries.grammar import grammar
from query_assistant.retrieval import Retriever
from query_assistant.seeds import derive_seed
from query_assistant.stage import load_apis, run_stage


def main(params: Params, name: str) -> None:
    system, apis, knobs = System.parse(name), load_apis(params), params.generate
    limits = {"test_limit": knobs.test_limit, "benchmark_limit": knobs.benchmark_limit, "seed": params.seed}
    sets = load_evaluation_sets(Path("data/splits"), Path("data/benchmark"), params.apis, **limits)
    engine = _engine(params, system)
    grammars = {name: grammar(api, "ebnf") for name, api in apis.items()} if system.decoding == "grammar" else None
    generate(
        [item for items in sets.values() for item in items],
        system,
        engine,
        _builder(params, system, engine),
        Path(f"data/responses/{name}.jsonl"),
        max_new_tokens=knobs.max_new_tokens,
        batch_size=params.model.engine.batch_size,
        grammars=grammars,
        fingerprint=_fingerprint(params, system),
    )


def _engine(params: Params, system: System) -> Engine:
    settings = params.model.engine.model_dump(exclude={"finetuned_model_name"})
    if system.weights == "finetuned" and params.model.engine.finetuned_model_name:
        settings["model_name"] = params.model.engine.finetuned_model_name
    return open_engine(EngineSettings(**settings), Path(f"models/{system.weights}"))


def _builder(params: Params, system: System, engine: Engine) -> PromptBuilder:
    knobs = params.generate
    settings = PromptSettings(
        fields_k=knobs.rag.k,
        passages_k=knobs.rag.passages,
        examples_k=knobs.few_shot.k,
        examples_by=knobs.few_shot.by,
        max_tokens=params.model.prompt_tokens,
        seed=derive_seed(params.seed, "few-shot examples"),
    )
    words = {"rag": system.context, "few_shot": system.examples}
    retrievers = {
        word: Retriever.load(Path("models/index", word), lexical_weight=knobs.rag.lexical_weight)
        for word, chosen in words.items()
        if chosen == word
    }
    return PromptBuilder(load_apis(params), settings, engine.count_tokens, **retrievers)


def _fingerprint(params: Params, system: System) -> str:
    model = describe(Path(f"models/{system.weights}")) if params.model.source.kind != "none" else {}
    return hashlib.sha256(f"{params.model.engine}{sorted(model.items())}".encode()).hexdigest()


if __name__ == "__main__":
    run_stage(main)
