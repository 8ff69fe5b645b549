"""The published assistant: the best system that two cores answer with in good time, apart from what a workspace trains.

    assistant = open_published(root, {"mygene": load_api("mygene")})
    assistant.ask("zebrafish genes about collagen", "mygene")

It is made of three shared tarballs (data/shared/*.md say what they hold and where from) in models/published/, once, in
some minutes: base weights fetched and merged with the adapter, examples and fields embedded. It needs no `dvc repro`.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from query_assistant.apis import Api
from query_assistant.archives import unpack
from query_assistant.errors import MissingResourceError
from query_assistant.files import atomic_folder
from query_assistant.models.cache import sha256_of
from query_assistant.models.fetching import fetch
from query_assistant.params import load_params
from query_assistant.records import FieldDescription, Pair, read_jsonl
from query_assistant.retrieval.search import build_index
from query_assistant.shared_data import SHARED, pull_shared_data
from query_assistant.systems.assistant import Assistant, open_assistant
from query_assistant.systems.confidence import CALIBRATION, Confidence
from query_assistant.systems.generation import System

PLACE = Path("models/published")
BUNDLES = ("published-adapter", "published-index", "published-linker")
SYSTEM = "finetuned-few_shot-rag-chosen"
PARAMS, MADE_OF = "params.yaml", "made_of"


def open_published(
    root: Path, apis: Mapping[str, Api], system: str = SYSTEM, examples: Sequence[Pair] = ()
) -> Assistant:
    """The published assistant, made first where it is not there or another one was published since.

    `examples` are shown beside its own, as `open_assistant` says.

    Raises:
        MissingResourceError: shared data or base weights cannot be had, or it does not know an API.
    """
    wanted, folder = System.parse(system), install(root)
    params = load_params(folder / PARAMS)
    if unknown := sorted(set(apis) - set(params.apis)):
        raise MissingResourceError(
            f"the published assistant knows {', '.join(params.apis)}, not {', '.join(unknown)}; train one of your own "
            "(`dvc repro`) and ask it with --workspace"
        )
    calibration = _calibration(folder / CALIBRATION) if system == SYSTEM else None  # it is of that system
    return open_assistant(wanted, params, apis, folder, calibration=calibration, examples=examples)


def _calibration(file: Path) -> Confidence | None:
    return Confidence.model_validate_json(file.read_bytes()) if file.is_file() else None


def install(root: Path) -> Path:
    """models/published/, whole. A call that was killed leaves nothing half done; what it had fetched is kept."""
    folder, archives = root / PLACE, _archives(root)
    if not all(archive.is_file() for archive in archives):
        pull_shared_data(root)
    if not is_installed(root):
        sys.stderr.write("the published assistant, in models/published: some minutes, once\n")
        with atomic_folder(folder) as made:
            _make(archives, made)
            (made / MADE_OF).write_text(_marks(archives), encoding="utf-8")
    return folder


def is_installed(root: Path) -> bool:
    """Whether models/published/ is made of the tarballs that are there."""
    archives, file = _archives(root), root / PLACE / MADE_OF
    whole = file.is_file() and all(archive.is_file() for archive in archives)
    return whole and file.read_text(encoding="utf-8") == _marks(archives)


def _archives(root: Path) -> list[Path]:
    return [root / SHARED / f"{name}.tar.gz" for name in BUNDLES]


def _marks(archives: list[Path]) -> str:
    return "".join(f"{archive.name} {sha256_of(archive)}\n" for archive in archives)


def _make(archives: list[Path], folder: Path) -> None:
    from query_assistant.models.merging import merge

    adapter, index, linker = (folder / name for name in ("adapter", "shown", "linker"))
    for archive, place in zip(archives, (adapter, index, linker), strict=True):
        unpack(archive, place)
    (adapter / PARAMS).rename(folder / PARAMS)
    if (adapter / CALIBRATION).is_file():  # an assistant that was never asked the development set has none
        (adapter / CALIBRATION).rename(folder / CALIBRATION)
    params = load_params(folder / PARAMS)
    if params.model.source.kind == "none":
        raise MissingResourceError("the published assistant names no base weights; bring data/shared anew: `dvc pull`")
    fetch(params.model.source, folder / "base")
    merge(folder / "base", adapter, folder / "finetuned")
    shutil.rmtree(folder / "base")  # linked to the cache of all checkouts
    sys.stderr.write("examples and fields are embedded\n")
    fields = {api: read_jsonl(index / f"fields-{api}.jsonl", FieldDescription) for api in params.apis}
    build_index(fields, {api: [] for api in params.apis}, [], folder / "index" / "rag", linker=linker)
    examples = [pair for api in params.apis for pair in read_jsonl(index / f"examples-{api}.jsonl", Pair)]
    build_index({}, {}, examples, folder / "index" / "few_shot")
    shutil.rmtree(index)
