"""How fast an engine answers, by kind of prompt: answers and tokens per second, and what a grammar costs.

    python benchmarks/generation.py --model models/finetuned --items data/splits/test.jsonl --limit 64

Prompts are those of the pipeline, in its batches. The first batch of each kind warms the prefix cache and is not
counted.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path

from query_assistant.apis import load_api
from query_assistant.engines import Completion, Engine, Prompt, open_engine
from query_assistant.grammar import grammar
from query_assistant.params import EngineParams
from query_assistant.prompts import PromptBuilder, PromptSettings
from query_assistant.records import Pair, read_jsonl
from query_assistant.retrieval.search import Retriever


def main() -> None:
    options = _options()
    engine = open_engine(EngineParams(kind=options.engine, batch_size=options.batch_size), options.model)
    pairs = read_jsonl(options.items, Pair)
    api = load_api(pairs[0].api)
    pairs = [pair for pair in pairs if pair.api == api.name][: options.limit]
    machine = f"{os.cpu_count()} CPUs, {platform.machine()}"
    print(f"{options.engine}, {options.model}, batches of {options.batch_size}, {machine}")
    columns = f"{'answers/s':>10}{'prompt tok/s':>14}{'answer tok/s':>14}{'tokens/prompt':>15}"
    print(f"{'prompt':<24}{'decoding':<10}{columns}")
    for examples in ("zero_shot", "few_shot"):
        for context in ("closed", "rag"):
            prompts = _prompts(pairs, examples, context, options.index, engine)
            for decoding, rule in (("free", None), ("grammar", grammar(api, "ebnf"))):
                name = f"{examples}-{context}"
                print(f"{name:<24}{decoding:<10}{_measured(engine, prompts, rule, options.batch_size)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--engine", default="openvino", choices=["openvino", "transformers"])
    parser.add_argument("--model", type=Path, default=Path("models/finetuned"))
    parser.add_argument("--index", type=Path, default=Path("models/index"))
    parser.add_argument("--items", type=Path, default=Path("data/splits/test.jsonl"))
    parser.add_argument("--limit", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=16)
    return parser.parse_args()


def _prompts(pairs: Sequence[Pair], examples: str, context: str, index: Path, engine: Engine) -> list[Prompt]:
    builder = PromptBuilder(
        {pair.api: load_api(pair.api) for pair in pairs[:1]},
        PromptSettings(),
        engine.count_tokens,
        rag=Retriever.load(index / "rag") if context == "rag" else None,
        few_shot=Retriever.load(index / "few_shot") if examples == "few_shot" else None,
    )
    return [builder.build(pair.instruction, pair.api) for pair in pairs]


def _measured(engine: Engine, prompts: Sequence[Prompt], rule: str | None, batch_size: int) -> str:
    list(engine.generate(prompts[:batch_size], max_new_tokens=96, grammar=rule))
    measured = prompts[batch_size:] or prompts
    started = time.perf_counter()
    answers: list[Completion] = list(engine.generate(measured, max_new_tokens=96, grammar=rule))
    seconds = time.perf_counter() - started
    read, written = sum(one.prompt_tokens for one in answers), sum(one.answer_tokens for one in answers)
    speeds = f"{len(answers) / seconds:>10.1f}{read / seconds:>14.0f}{written / seconds:>14.0f}"
    return speeds + f"{read / len(answers):>15.0f}"


if __name__ == "__main__":
    main()
