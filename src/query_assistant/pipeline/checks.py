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
from collections.abc import Iterator
from pathlib import Path

from query_assistant.errors import MissingResourceError
from query_assistant.forgetting.measuring import HARNESS_MISSING
from query_assistant.models.fetching import is_near
from query_assistant.params import ModelParams, Params

HUB = "https://huggingface.co"
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
    yield from _gpu(model)
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
    if source.kind == "folder" and not Path(source.name).expanduser().is_dir():
        yield f"no weights in {source.name}: correct model.source.name, a folder with config.json and *.safetensors"
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


def _answers(endpoint: str) -> bool:
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True  # it is the proxy's to say
    host, _, port = re.sub(r"^\w+://", "", endpoint).split("/")[0].partition(":")
    with socket.socket() as probe:
        probe.settimeout(2)
        try:
            probe.connect((host, int(port or (80 if endpoint.startswith("http:") else 443))))
        except OSError:
            return False
    return True


def _gpu(model: ModelParams) -> Iterator[str]:
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


def _gpu_gigabytes() -> list[int]:
    """The memory of each GPU that the driver shows."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    command = [tool, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    return [round(int(line) / 1024) for line in done.stdout.split() if line.isdigit()]


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
    for name in needed:
        if importlib.util.find_spec(name) is None:
            yield f"the package {name} is not installed: run `make env`"
    if params.forget.tasks and importlib.util.find_spec("lm_eval") is None:
        yield HARNESS_MISSING
