"""What a good run leaves to others: its adapter and its answers, as shared tarballs.

python -m query_assistant.reporting.publishing  # models/adapter and data/responses into data/shared/ (`make publish`)
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from query_assistant.archives import pack
from query_assistant.errors import MissingResourceError, QueryAssistantError
from query_assistant.finetuning.run import LOSSES
from query_assistant.finetuning.training import CONFIG, REPORT, WEIGHTS

if TYPE_CHECKING:
    import torch

PARAMS = "params.yaml"


def publish_adapter(adapter: Path, report: Path, params: Path, archive: Path) -> None:
    """Packs an adapter, its weights in bfloat16: half the size, and finer than the 4 bits of its base weights.

    The same adapter gives the same bytes.

    Raises:
        MissingResourceError: there is no adapter.
    """
    import torch
    from safetensors.torch import load_file, save_file

    if not (adapter / WEIGHTS).is_file():
        raise MissingResourceError(f"no adapter in {adapter} to publish; run `dvc repro finetune`")
    halved = adapter.with_name(f".{adapter.name}.halved.safetensors")
    tensors: Mapping[str, torch.Tensor] = load_file(adapter / WEIGHTS)
    save_file({name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}, halved, metadata={"format": "pt"})
    try:
        files = {WEIGHTS: halved, CONFIG: adapter / CONFIG, LOSSES: adapter / LOSSES, REPORT: report, PARAMS: params}
        pack(files, archive)
    finally:
        halved.unlink()


def publish_responses(responses: Path, params: Path, archive: Path) -> None:
    """Packs every system's answers.

    Raises:
        MissingResourceError: there are none.
    """
    files = {path.name: path for path in sorted(responses.glob("*.jsonl"))}
    if not files:
        raise MissingResourceError(f"no responses in {responses} to publish; run `dvc repro generate`")
    pack({**files, PARAMS: params}, archive)


def main() -> None:
    params, shared = Path(PARAMS), Path("data/shared")
    report = Path("metrics/finetune.json")
    publish_adapter(Path("models/adapter"), report, params, shared / "published-adapter.tar.gz")
    publish_responses(Path("data/responses"), params, shared / "published-responses.tar.gz")


if __name__ == "__main__":
    try:
        main()
    except QueryAssistantError as error:
        sys.exit(f"error: {error}")
