"""finetune: training pairs + models/base -> models/adapter (PEFT), its loss curve in metrics/training.csv.

With `finetune=published` the shared adapter takes the place of training. How long it took is in
metrics/finetune_speed.json, which is no output: the same training gives the same files.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from query_assistant.engines.chat import ChatTokenizer
from query_assistant.finetuning.run import read_entries
from query_assistant.finetuning.samples import Sample, chosen_pairs, training_samples
from query_assistant.finetuning.training import adopt, finetune
from query_assistant.params import Params
from query_assistant.pipeline.stage import load_apis, run_stage
from query_assistant.prompts import PromptSettings
from query_assistant.records import Pair, read_jsonl, write_json
from query_assistant.retrieval.linking import mark, taught_queries
from query_assistant.retrieval.search import Retriever
from query_assistant.seeds import derive_seed

BASE, ADAPTER, PUBLISHED = Path("models/base"), Path("models/adapter"), Path("data/raw/published-adapter")
CURVE = ["learning_rate", "loss", "step", "validation_loss"]


def main(params: Params) -> None:
    report = adopt(PUBLISHED, BASE, ADAPTER) if params.finetune.engine == "published" else _train(params)
    write_json("metrics/finetune.json", report)
    losses = pd.DataFrame(read_entries(ADAPTER / "training.jsonl"), columns=CURVE)
    losses.to_csv("metrics/training.csv", index=False)


def _train(params: Params) -> dict[str, Any]:
    knobs, lora = params.finetune, params.model.lora
    assert lora is not None  # the stage exists only for models that are trained
    start = PUBLISHED if knobs.start_from == "published" else None
    seen = taught_queries(start) if start else frozenset()
    pairs = chosen_pairs(read_jsonl("data/splits/train.jsonl", Pair), knobs, params.seed, seen)
    held_out = read_jsonl("data/splits/validation.jsonl", Pair)[: knobs.validation_samples]
    train, validation = _samples(params, pairs, held_out)
    seed, taught = derive_seed(params.seed, "finetune"), {mark(pair) for pair in pairs}
    report = finetune(train, validation, BASE, ADAPTER, knobs, lora, seed, start, taught)
    write_json("metrics/finetune_speed.json", {name: report.pop(name) for name in ("seconds", "tokens_per_second")})
    return report


def _samples(params: Params, *parts: list[Pair]) -> list[list[Sample]]:
    shown, folder = params.finetune.prompt, Path("models/index")
    settings = PromptSettings(
        fields_k=shown.fields,
        passages_k=shown.passages,
        examples_k=shown.examples,
        max_tokens=params.model.prompt_tokens,
    )
    weights = {"rag": shown.lexical_weight, "few_shot": shown.examples_lexical_weight}
    wanted = {word for kind, share in params.finetune.mix.items() if share for word in kind.split("-")}
    retrievers = {word: Retriever.load(folder / word, lexical_weight=weights[word]) for word in wanted & weights.keys()}
    apis, seed, count = load_apis(params), derive_seed(params.seed, "prompt kinds"), ChatTokenizer(BASE).count
    mix, own_skeleton = params.finetune.mix, shown.own_skeleton
    return [
        training_samples(pairs, apis, settings, mix, count, seed, own_skeleton=own_skeleton, **retrievers)
        for pairs in parts
    ]


if __name__ == "__main__":
    run_stage(main)
