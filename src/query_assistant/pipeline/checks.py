"""What a configuration needs of the machine, looked at before a run touches anything: all that is missing at once.

Nothing heavy is imported for it, so that the answer comes at once.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from query_assistant.errors import MissingResourceError
from query_assistant.forgetting.measuring import HARNESS_MISSING
from query_assistant.models.fetching import is_near
from query_assistant.params import ModelParams, Params
from query_assistant.project import CACHE_VARIABLE, shared_cache

HUB = "https://huggingface.co"
_GIGABYTE = 10**9
_PATIENCE_S = 2
_PACKAGES = {"openvino": "openvino_genai", "transformers": "transformers", "openai": "openai"}
_TRAINERS = {"torchtune": "torchtune", "hf": "trl"}


def require(params: Params, base: Path) -> None:
    """Nothing, if the machine has what the run needs.

    Raises:
        MissingResourceError: it does not; one sentence names all that is missing and how to get it.
    """
    found = list(missing(params, base))
    if found:
        listed = "; ".join(f"({number}) {one}" for number, one in enumerate(found, 1)) if found[1:] else found[0]
        raise MissingResourceError(f"model={params.model.name} cannot run here: {listed}; nothing was touched")


def missing(params: Params, base: Path) -> Iterator[str]:
    """What is not there, each with its remedy; `base` is where the weights may lie already."""
    model = params.model
    yield from _weights(model, base)
    yield from _gpu(model, params.finetune.processes)
    yield from _room(model, base)
    yield from _packages(params)
    if model.engine.kind == "openai":
        yield from _key(model.engine.api_key_variable, "model.engine")
    for name, llm in (("annotate", params.annotate.llm), ("pair", params.pair.llm)):
        yield from _key(llm.api_key_variable, f"{name}.llm") if llm else ()


def _key(variable: str, section: str) -> Iterator[str]:
    if variable and not os.environ.get(variable):
        yield (
            f"no {variable}: put the key in .env or the environment, or set {section}.api_key_variable='' "
            "for a server that wants none"
        )


def _weights(model: ModelParams, base: Path) -> Iterator[str]:
    source = model.source
    if source.kind == "folder" and not _holds_model(Path(source.name).expanduser()):
        yield (
            f"no weights in {source.name}: correct model.source.name, a folder with config.json and *.safetensors, or "
            "with one *.gguf"
        )
    if source.kind != "hub" or is_near(source, base):
        return
    endpoint = os.environ.get("HF_ENDPOINT", HUB)
    if not _answers(endpoint):
        yield (
            f"no weights of {source.name} here and no way to {endpoint}: connect the machine, set HF_ENDPOINT to a "
            "mirror, or name a folder with model.source.kind=folder"
        )
    if source.gated and not os.environ.get("HF_TOKEN"):
        yield (
            f"no HF_TOKEN: {source.name} is gated; accept its licence at {HUB}/{source.name} and put a token that may "
            "read it in .env"
        )


def _holds_model(folder: Path) -> bool:
    whole = (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))
    return whole or any(folder.glob("*.gguf"))


def _answers(endpoint: str) -> bool:
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True  # it is the proxy's to say
    host, _, port = re.sub(r"^\w+://", "", endpoint).split("/")[0].partition(":")
    place = host, int(port or (80 if endpoint.startswith("http:") else 443))
    found: list[bool] = []
    asking = threading.Thread(target=lambda: found.append(_connects(place)), daemon=True)
    asking.start()  # a thread, for looking up a name keeps to no time limit
    asking.join(_PATIENCE_S)
    return found == [True]


def _connects(place: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(place, timeout=_PATIENCE_S):
            return True
    except OSError:
        return False


def _gpu(model: ModelParams, processes: int) -> Iterator[str]:
    trains = bool(model.trained and model.lora and model.lora.device == "cuda")
    answers = model.engine.device == "cuda"
    if not trains and not answers:
        return
    why = "to fine-tune and to answer" if trains and answers else "to fine-tune" if trains else "to answer"
    if not _cuda_build():
        yield f"PyTorch is a CPU build: install the CUDA build of the version in requirements.lock, needed {why}"
    memory = _gpu_gigabytes()
    if not memory:
        yield (
            f"no NVIDIA GPU {why}, with {model.gpu_gigabytes} GB: use a machine with one, model=hosted, or "
            "model=smollm2-135m"
        )
    elif max(memory) < model.gpu_gigabytes:
        yield (
            f"the GPU has {max(memory)} GB of memory, {model.gpu_gigabytes} are needed {why}: lower "
            "model.prompt_tokens and model.gpu_gigabytes, or use a smaller model"
        )
    if trains and 0 < len(memory) < processes:
        yield f"{len(memory)} GPU(s) for finetune.processes={processes}: set it to {len(memory)}, one for each"


def _gpu_gigabytes() -> list[int]:
    """The memory of each GPU that the driver shows."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    command = [tool, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=2 * _PATIENCE_S)
    except subprocess.TimeoutExpired:  # a driver that hangs runs nothing either
        return []
    return [round(int(line) / 1024) for line in done.stdout.split() if line.isdigit()]


def _room(model: ModelParams, base: Path) -> Iterator[str]:
    """Memory to load and merge the weights in, and disk for those that are not here yet."""
    memory = _memory_gigabytes()
    if memory < model.memory_gigabytes:
        yield (
            f"{memory} GB of memory, {model.memory_gigabytes} are needed to load and merge the weights: use a machine "
            "with more, or a smaller model"
        )
    if is_near(model.source, base):
        return
    cache = shared_cache()
    there = next(folder for folder in (cache, *cache.parents) if folder.is_dir())
    free = shutil.disk_usage(there).free // _GIGABYTE
    if free < model.disk_gigabytes:
        yield (
            f"{free} GB free in {there}, {model.disk_gigabytes} are needed for the weights: make room, or set "
            f"{CACHE_VARIABLE} to a folder of a larger disk"
        )


def _memory_gigabytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _GIGABYTE


def _cuda_build() -> bool:
    """Read from PyTorch's own version file: importing it would take seconds."""
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        return False
    version = Path(found.origin).with_name("version.py").read_text(encoding="utf-8")
    return re.search(r"^cuda\b.*=\s*['\"]", version, re.MULTILINE) is not None


def _packages(params: Params) -> Iterator[str]:
    needed = [_PACKAGES[params.model.engine.kind]]
    if params.model.trained and params.finetune.engine in _TRAINERS:
        needed.append(_TRAINERS[params.finetune.engine])
    if params.model.engine.kind == "transformers" and "grammar" in params.generate.decoding:
        needed.append("xgrammar")
    for name in needed:
        if importlib.util.find_spec(name) is None:
            yield f"the package {name} is not installed: run `make env`"
    if params.filter.logs.startswith("s3:") and importlib.util.find_spec("dvc_s3") is None:
        yield "the package dvc_s3 is not installed: run `pip install '.[s3]'`, with which DVC sees whether logs changed"
    if params.finetune.engine == "hf" and params.model.lora and params.model.lora.quantize_base:
        yield "no QLoRA by finetune=hf: use finetune=torchtune, or set model.lora.quantize_base=false"
    if params.forget.tasks and importlib.util.find_spec("lm_eval") is None:
        yield HARNESS_MISSING
