"""The fine-tuning engines side by side: the same samples, knobs and seed; loss, speed and memory in one table.

    python benchmarks/finetuning.py --samples 64 --rounds 1     after `dvc repro index`; no other program beside it

    torchtune        as conf/ has it: packed rows, matrix products in bf16 where the CPU can
    torchtune-fp32   the same with matmul=fp32
    hf               PEFT and TRL
    plain            benchmarks/plain_peft.py, a loop written by hand

Each trains in a process of its own. The validation loss of every adapter is measured alike, by transformers and PEFT in
fp32. Tokens are those of the samples one by one, so that packing shows as speed; seconds are of the processor, model
loading included, imports not; memory is the most that the process held at once.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from query_assistant.params import FinetuneParams, LoraParams, Params, load_params
from query_assistant.records import Pair, read_jsonl, write_json

ENGINES = ("torchtune", "torchtune-fp32", "hf", "plain")
BASE, SPLITS = Path("models/base"), Path("data/splits")
MIX = {"zero_shot-closed": 1.0}  # nothing is retrieved, so that splits and weights are all it needs
VALIDATION = 16


def main() -> None:
    asked = arguments()
    if asked.one:
        write_json(asked.one, measured(asked.engine, asked.samples, asked.one.parent))
        return
    rows = {engine: [run(engine, asked.samples) for _ in range(asked.rounds)] for engine in ("base", *asked.engines)}
    print(table(rows))
    if asked.output:
        write_json(asked.output, {"samples": asked.samples, "runs": rows})


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=64, help="training samples; twice as many, twice the time")
    parser.add_argument("--rounds", type=int, default=1, help="trainings of each engine; the table holds medians")
    parser.add_argument("--engines", nargs="*", choices=ENGINES, default=ENGINES)
    parser.add_argument("--output", type=Path, help="the figures of every run, as JSON")
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def run(engine: str, samples: int) -> dict[str, float]:
    """One training in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, __file__, "--engine", engine, "--samples", str(samples), "--one", str(result)]
        process = subprocess.Popen(command)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{engine} ended with {process.returncode}; its own words are above")
        found: dict[str, float] = json.loads(result.read_text(encoding="utf-8"))
        return {**found, "peak_gib": used.ru_maxrss / 2**20}


def measured(engine: str, count: int, work: Path) -> dict[str, float]:
    """Trains with one engine and measures its adapter; `base` is what both begin with."""
    from query_assistant.finetuning.samples import tokenise

    params = load_params()
    chat, train, validation = drawn(params, count)
    knobs = engine_knobs(params, engine)
    samples = tokenise(train, chat, knobs.max_seq_len)
    held_out = tokenise(validation, chat, knobs.max_seq_len)
    tokens = sum(map(len, samples))
    if engine == "base":
        return {"validation_loss": answer_loss(None, held_out), "tokens": tokens}
    import_all(engine)
    started = time.process_time()
    report = trained(engine, params, train, samples, knobs, work / "adapter")
    seconds = time.process_time() - started
    loss = answer_loss(work / "adapter", held_out)
    return {**report, "validation_loss": loss, "tokens": tokens, "seconds": seconds}


def drawn(params: Params, count: int) -> tuple[Any, list[Any], list[Any]]:
    """The tokenizer, and samples to train on and to test on, from the splits of this workspace."""
    from query_assistant.apis import load_api
    from query_assistant.engines.chat import ChatTokenizer
    from query_assistant.finetuning.samples import chosen_pairs, training_samples
    from query_assistant.prompts import PromptSettings
    from query_assistant.seeds import derive_seed

    knobs = params.finetune.model_copy(update={"max_pairs": count})
    train = chosen_pairs(read_jsonl(SPLITS / "train.jsonl", Pair), knobs, params.seed)
    validation = read_jsonl(SPLITS / "validation.jsonl", Pair)[:VALIDATION]
    apis = {name: load_api(name) for name in {pair.api for pair in [*train, *validation]}}
    settings = PromptSettings(max_tokens=params.model.prompt_tokens)
    chat, seed = ChatTokenizer(BASE), derive_seed(params.seed, "prompt kinds")
    return chat, *(training_samples(part, apis, settings, MIX, chat.count, seed) for part in (train, validation))


def engine_knobs(params: Params, engine: str) -> FinetuneParams:
    name = engine.removesuffix("-fp32")
    turned = {"engine": name} if name in ("torchtune", "hf") else {}
    return params.finetune.model_copy(update={**turned, "validation_samples": 0, "max_minutes": 0})


def import_all(engine: str) -> None:
    """What a training imports, before the clock starts."""
    torchtune = engine.startswith("torchtune")
    for name in ("torchtune_recipe", "training") if torchtune else ("hf", "training"):
        importlib.import_module(f"query_assistant.finetuning.{name}")


def trained(
    engine: str, params: Params, train: list[Any], samples: list[Any], knobs: FinetuneParams, adapter: Path
) -> dict[str, float]:
    lora = params.model.lora
    assert lora is not None
    lora = LoraParams(**{**lora.model_dump(), "matmul": "fp32" if engine.endswith("fp32") else lora.matmul})
    if engine == "plain":
        from plain_peft import train_plainly

        losses = train_plainly(samples, BASE, adapter, knobs, lora, params.seed)
        last = losses[-10:]
        return {"steps": len(losses), "loss": sum(last) / len(last)}
    from query_assistant.finetuning.training import finetune

    report = finetune(train, [], BASE, adapter, knobs, lora, params.seed)
    return {name: report[name] for name in ("steps", "loss")}


def answer_loss(adapter: Path | None, samples: list[Any]) -> float:
    """Mean loss per token of the right answers, one sample at a time, in fp32."""
    import torch

    from query_assistant.engines.transformers import load_model

    model, total, count = load_model(BASE, "cpu", "fp32", adapter), 0.0, 0
    with torch.inference_mode():
        for one in samples:
            logits = model(torch.tensor([[*one.prompt, *one.answer]])).logits[0, len(one.prompt) - 1 : -1]
            total += float(torch.nn.functional.cross_entropy(logits, torch.tensor(one.answer), reduction="sum"))
            count += len(one.answer)
    return total / count


def table(rows: dict[str, list[dict[str, float]]]) -> str:
    """A row per engine: medians, and speed as a share of the plain loop's."""
    middle = {
        engine: {name: statistics.median(one[name] for one in runs) for name in runs[0]}
        for engine, runs in rows.items()
    }
    rates = {name: one["tokens"] / one["seconds"] for name, one in middle.items() if "seconds" in one}
    lines = ["| | steps | training loss | validation loss | tokens a second | of the plain loop's | peak memory, GiB |"]
    lines.append("|---|---:|---:|---:|---:|---:|---:|")
    for name, one in middle.items():
        if name == "base":
            lines.append(f"| `{name}`, not trained | | | {one['validation_loss']:.3f} | | | |")
            continue
        share = f"{rates[name] / rates['plain']:.2f}" if "plain" in rates else ""
        figures = f"{one['steps']:.0f} | {one['loss']:.3f} | {one['validation_loss']:.3f} | {rates[name]:.0f} | {share}"
        lines.append(f"| `{name}` | {figures} | {one['peak_gib']:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
