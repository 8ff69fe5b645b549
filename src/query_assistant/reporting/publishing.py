"""What a good run leaves to others: its adapter and its answers, as shared tarballs.

python -m query_assistant.reporting.publishing  # what models/ and data/responses/ hold into data/shared/
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from query_assistant.archives import pack
from query_assistant.errors import MissingResourceError
from query_assistant.exits import run_to_exit
from query_assistant.finetuning.run import LOSSES
from query_assistant.finetuning.training import CONFIG, REPORT, WEIGHTS
from query_assistant.params import load_params
from query_assistant.records import Pair, Response, read_jsonl, write_jsonl
from query_assistant.reporting.published import ASKED
from query_assistant.retrieval.encoder import ADAPTER as LINKER_WEIGHTS
from query_assistant.retrieval.encoder import ADAPTER_CONFIG as LINKER_CONFIG
from query_assistant.retrieval.linking import REPORT as LINK_REPORT
from query_assistant.retrieval.linking import TRAINED_ON, has_linker
from query_assistant.systems.confidence import CALIBRATION

if TYPE_CHECKING:
    import torch

PARAMS = "params.yaml"


def publish_adapter(adapter: Path, report: Path, params: Path, archive: Path, calibration: Path | None = None) -> None:
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
        kept = {name: adapter / name for name in (CONFIG, LOSSES, TRAINED_ON)}
        files = {WEIGHTS: halved, **kept, REPORT: report, PARAMS: params}
        pack(files | ({CALIBRATION: calibration} if calibration else {}), archive)
    finally:
        halved.unlink()


def publish_responses(responses: Path, params: Path, archive: Path, test: Path | None = None) -> None:
    """Packs every system's answers, in whichever folders below `responses` they lie.

    Args:
        test: the test split, of which what was asked goes along, so that its answers can be judged elsewhere.

    Raises:
        MissingResourceError: there are none.
    """
    files = {path.name: path for path in sorted(responses.rglob("*.jsonl"))}
    if not files:
        raise MissingResourceError(f"no responses in {responses} to publish; run `dvc repro generate`")
    ids = {answer.id for path in files.values() for answer in read_jsonl(path, Response)}
    asked = [pair for pair in read_jsonl(test, Pair) if pair.id in ids] if test and test.is_file() else []
    with TemporaryDirectory() as folder:
        kept = Path(folder) / "test.jsonl"
        write_jsonl(kept, asked)
        pack({**files, PARAMS: params} | ({ASKED: kept} if asked else {}), archive)


def publish_linker(linker: Path, report: Path, archive: Path) -> None:
    """Packs a field linker with the marks of the queries it was trained on.

    Raises:
        MissingResourceError: there is no linker.
    """
    if not has_linker(linker):
        raise MissingResourceError(f"no linker in {linker} to publish; run `dvc exp run -S link=train`")
    names = (LINKER_WEIGHTS, LINKER_CONFIG, TRAINED_ON)
    pack({name: linker / name for name in names} | {LINK_REPORT: report}, archive)


def publish_index(index: Path, apis: Sequence[str], archive: Path) -> None:
    """Packs what the index shows, without its embeddings: fields, and the training pairs as examples.

    Raises:
        MissingResourceError: there is no index.
    """
    if not (index / "few_shot").is_dir():
        raise MissingResourceError(f"no index in {index} to publish; run `dvc repro index`")
    files = {f"fields-{api}.jsonl": index / "rag" / f"fields-{api}.jsonl" for api in apis}
    pack(files | {f"examples-{api}.jsonl": index / "few_shot" / f"examples-{api}.jsonl" for api in apis}, archive)


def publish() -> None:
    params, shared = Path(PARAMS), Path("data/shared")
    report = Path("metrics/finetune.json")
    calibration = Path("models") / CALIBRATION
    made = calibration if calibration.is_file() else None
    publish_adapter(Path("models/adapter"), report, params, shared / "published-adapter.tar.gz", made)
    publish_linker(Path("models/linker"), Path("metrics/link.json"), shared / "published-linker.tar.gz")
    publish_index(Path("models/index"), load_params(params).apis, shared / "published-index.tar.gz")
    publish_responses(
        Path("data/responses"), params, shared / "published-responses.tar.gz", Path("data/splits/test.jsonl")
    )


if __name__ == "__main__":
    sys.exit(run_to_exit(publish))
