"""finetune: training pairs + models/base -> models/adapter (PEFT), its loss curve in metrics/training.csv.

With `finetune=published` the shared adapter takes the place of training.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from query_assistant.engines.chat import ChatTokenizer
from query_assistant.finetuning.loss_log import read_losses
from query_assistant.finetuning.published import adopt
from query_assistant.finetuning.samples import Sample, training_samples
from query_assistant.finetuning.settings import FinetuneSettings
from query_assistant.finetuning.training import finetune
from query_assistant.params import Params
from query_assistant.pipeline.stage import load_apis, run_stage
from query_assistant.prompts import PromptSettings
from query_assistant.records import Pair, read_jsonl, write_json
from query_assistant.retrieval.search import Retriever
from query_assistant.seeds import derive_seed, generator

BASE, ADAPTER, PUBLISHED = Path("models/base"), Path("models/adapter"), Path("data/raw/published-adapter")


def main(params: Params) -> None:
    report = adopt(PUBLISHED, BASE, ADAPTER) if params.finetune.engine == "published" else _train(params)
    write_json("metrics/finetune.json", report)
    losses = pd.DataFrame(read_losses(ADAPTER / "training.jsonl"))
    losses.drop(columns="tokens_per_second").to_csv("metrics/training.csv", index=False)


def _train(params: Params) -> dict[str, Any]:
    knobs, lora, seed = params.finetune, params.model.lora, derive_seed(params.seed, "finetune")
    assert lora is not None  # the stage exists only for models that are trained
    pairs = read_jsonl("data/splits/train.jsonl", Pair)
    if knobs.max_pairs and knobs.max_pairs < len(pairs):
        pairs = generator(params.seed, "training pairs").sample(pairs, knobs.max_pairs)
    train, validation = [_samples(params, part) for part in (pairs, read_jsonl("data/splits/validation.jsonl", Pair))]
    shared = knobs.model_dump(exclude={"mix", "max_pairs", "prompt"})
    own = {f"lora_{name}": getattr(lora, name) for name in ("rank", "alpha", "dropout")}
    rest = lora.model_dump(exclude={"rank", "alpha", "dropout"})
    report = finetune(train, validation, BASE, ADAPTER, FinetuneSettings(**shared, **own, **rest, seed=seed))
    report.pop("seconds")  # the same training gives the same file
    return report


def _samples(params: Params, pairs: list[Pair]) -> list[Sample]:
    shown, folder = params.finetune.prompt, Path("models/index")
    settings = PromptSettings(
        fields_k=shown.fields,
        passages_k=shown.passages,
        examples_k=shown.examples,
        max_tokens=params.model.prompt_tokens,
    )
    retrievers = {
        "rag": Retriever.load(folder / "rag", lexical_weight=shown.lexical_weight),
        "few_shot": Retriever.load(folder / "few_shot", lexical_weight=shown.examples_lexical_weight),
    }
    seed = derive_seed(params.seed, "prompt kinds")
    count, mix = ChatTokenizer(BASE).count, params.finetune.mix
    return training_samples(
        pairs, load_apis(params), settings, mix, count, seed, own_skeleton=shown.own_skeleton, **retrievers
    )


if __name__ == "__main__":
    run_stage(main)
