"""The door to fine-tuning: samples and a base model in, a PEFT adapter and its loss curve out, whichever engine
trains; or an adapter that was trained before and is shared, in place of training one.

data/shared/published-adapter.tar.gz (made by `publishing`) holds

    adapter_model.safetensors adapter_config.json      PEFT's format
    training.jsonl                                     its loss curve
    finetune.json                                      what training came to
    params.yaml                                        the configuration it was trained with
    trained_on.txt                                     marks of the queries it was taught, in all its rounds
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from query_assistant.engines import require_gpu
from query_assistant.engines.chat import ChatTokenizer
from query_assistant.errors import ConfigurationError, MissingResourceError
from query_assistant.files import atomic_folder
from query_assistant.finetuning.run import LOSSES, Run, read_entries, tokens_per_second
from query_assistant.finetuning.samples import Sample, TokenSample, tokenise
from query_assistant.models.cache import sha256_of
from query_assistant.models.fetching import describe
from query_assistant.params import FinetuneParams, LoraParams
from query_assistant.records import write_json
from query_assistant.retrieval.linking import taught_queries, write_marks

WEIGHTS, CONFIG, REPORT = "adapter_model.safetensors", "adapter_config.json", "finetune.json"
_NOT_OF_THE_RESULT = {"max_minutes", "max_pairs", "mix", "prompt"}  # the last three are in the samples already


def finetune(
    train: Sequence[Sample],
    validation: Sequence[Sample],
    base: Path,
    destination: Path,
    knobs: FinetuneParams,
    lora: LoraParams,
    seed: int,
    start: Path | None = None,
    taught: Iterable[str] = (),
) -> dict[str, Any]:
    """Writes the adapter to `destination` and returns what training came to.

    `destination` gets adapter_model.safetensors, adapter_config.json, training.jsonl and trained_on.txt: the same bytes
    for the same training. A run that was killed goes on from its last checkpoint, which lies beside `destination` until
    the adapter is whole.

    Args:
        start: the folder of an adapter that training goes on from, of the same base model, rank and alpha.
        taught: marks of the queries in `train` (`retrieval.linking.mark`), which a further round draws last.

    Returns:
        samples, left_out (longer than max_seq_len), steps, loss (mean of the last ten steps), validation_loss; and
        what depends on the clock: seconds (of this call), tokens_per_second.

    Raises:
        MissingResourceError: no base model, or no GPU for settings that need one.
        ConfigurationError: settings that do not go together.
    """
    _check(knobs, lora)
    require_gpu(lora.device, "to fine-tune this model")
    started = time.monotonic()
    chat = ChatTokenizer(base)
    samples = tokenise(train, chat, knobs.max_seq_len)
    held_out = tokenise(validation, chat, knobs.max_seq_len)[: knobs.validation_samples]
    base, destination = base.absolute(), destination.absolute()
    start = _startable(start, base, lora) if start else None
    work = _work_folder(destination, _fingerprint(samples + held_out, base, knobs, lora, seed, start))
    adapter = _train(Run(samples, held_out, base, work, knobs, lora, seed, start))
    known = taught_queries(start) if start else frozenset()
    _hand_out(adapter, work / LOSSES, destination, base, known | set(taught))
    report = {"samples": len(samples), "left_out": len(train) - len(samples), **_summary(work)}
    shutil.rmtree(work)
    return report | {"seconds": round(time.monotonic() - started, 1)}


def adopt(published: Path, base: Path, destination: Path) -> dict[str, Any]:
    """Puts the published adapter in `destination`, as if it had been trained, and returns what its training came to.

    Raises:
        MissingResourceError: there is none in `published`.
        ConfigurationError: it was trained on another base model.
    """
    report = _document(published / REPORT)
    _check_base(published, base, "use finetune=torchtune")
    shutil.rmtree(destination, ignore_errors=True)
    destination.mkdir(parents=True)
    for name in (WEIGHTS, CONFIG, LOSSES):
        shutil.copyfile(published / name, destination / name)
    write_marks(destination, taught_queries(published))
    return report


def _startable(adapter: Path, base: Path, lora: LoraParams) -> Path:
    """The absolute folder of an adapter that this model can go on from."""
    _check_base(adapter, base, "use finetune.start_from=none")
    config = _document(adapter / CONFIG)
    shape, mine = (config.get("r"), config.get("lora_alpha")), (lora.rank, lora.alpha)
    if shape != mine:
        raise ConfigurationError(
            f"the adapter in {adapter} has rank {shape[0]} and alpha {shape[1]}, model.lora {mine[0]} and {mine[1]}; "
            "set model.lora as the adapter has it, or use finetune.start_from=none"
        )
    return adapter.absolute()


def _check_base(adapter: Path, base: Path, remedy: str) -> None:
    trained_on, mine = _document(adapter / CONFIG).get("base_model_name_or_path"), base_name(base)
    if trained_on != mine:
        raise ConfigurationError(
            f"the adapter in {adapter} was trained on {trained_on}, models/base is {mine}; {remedy}"
        )


def adapter_config(adapter: Path) -> dict[str, Any]:
    """An adapter's configuration in PEFT's words.

    Raises:
        MissingResourceError: there is none.
    """
    return _document(adapter / CONFIG)


def _document(file: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MissingResourceError(
            f"no adapter in {file.parent} ({error}); run `dvc pull` and `dvc repro unpack`"
        ) from None
    return document


def base_name(base: Path) -> str:
    """The name that an adapter remembers its base model by: `name@revision`."""
    source = describe(base)["source"]
    return f"{source.get('name', base.name)}@{source.get('revision', '')}" if isinstance(source, dict) else base.name


def _check(knobs: FinetuneParams, lora: LoraParams) -> None:
    if knobs.engine not in ("torchtune", "hf"):
        raise ConfigurationError(f"finetune engine {knobs.engine!r} trains nothing; expected torchtune or hf")
    if lora.quantize_base and (lora.device != "cuda" or knobs.engine == "hf"):
        raise ConfigurationError(
            "quantize_base (QLoRA) needs device cuda and engine torchtune; switch it off or use them"
        )


def _train(run: Run) -> Path:
    if run.knobs.engine == "torchtune":
        from query_assistant.finetuning import torchtune

        return torchtune.train_with_torchtune(run)
    from query_assistant.finetuning import hf

    return hf.train_with_hf(run)


def _fingerprint(
    samples: Sequence[TokenSample],
    base: Path,
    knobs: FinetuneParams,
    lora: LoraParams,
    seed: int,
    start: Path | None,
) -> str:
    """What a resumed run must share with the one that was cut off; time limits do not matter."""
    settings = {**knobs.model_dump(exclude=_NOT_OF_THE_RESULT), **lora.model_dump(), "seed": seed}
    rows = [[sample.prompt, sample.answer] for sample in samples]
    begun = sha256_of(start / WEIGHTS) if start else None
    text = json.dumps([settings, rows, describe(base)["files"], begun], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _work_folder(destination: Path, fingerprint: str) -> Path:
    """The state of this very training; states of others that were given up are removed."""
    work = destination.with_name(f".{destination.name}.training-{fingerprint}")
    for other in destination.parent.glob(f".{destination.name}.training-*"):
        if other != work:
            shutil.rmtree(other)
    work.mkdir(parents=True, exist_ok=True)
    return work


def _hand_out(adapter: Path, losses: Path, destination: Path, base: Path, taught: Iterable[str]) -> None:
    config = json.loads((adapter / CONFIG).read_text(encoding="utf-8"))
    config |= {"base_model_name_or_path": base_name(base), "task_type": "CAUSAL_LM"}
    config["target_modules"] = sorted(config["target_modules"])
    with atomic_folder(destination) as folder:
        shutil.copyfile(adapter / WEIGHTS, folder / WEIGHTS)
        write_json(folder / CONFIG, config)
        shutil.copyfile(losses, folder / LOSSES)
        write_marks(folder, taught)


def _summary(work: Path) -> dict[str, float]:
    entries = read_entries(work / LOSSES)
    steps = [entry for entry in entries if "loss" in entry]
    tested = [entry["validation_loss"] for entry in entries if "validation_loss" in entry]
    last = [entry["loss"] for entry in steps[-10:]]
    summary = {"steps": float(len(steps)), "loss": round(sum(last) / len(last), 4)}
    summary |= {"validation_loss": round(tested[-1], 4)} if tested else {}
    return summary | {"tokens_per_second": tokens_per_second(work)}
