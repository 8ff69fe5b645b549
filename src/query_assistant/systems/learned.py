"""Assistants that learnt from corrections: models/learned/<number>/, and which of them answers.

    models/learned/promoted.json      {"numbers": [1, 3]}: 3 answers; rolled back, 1 does, and then the published one
    models/learned/3/manifest.json    what it learnt from, how it was tested, on which published adapter it stands
                    adapter/          PEFT, small; kept of those too that were not promoted
                    finetuned/        merged weights, of promoted ones alone
                    confidence.json   how sure it may be

Its fields, examples and linker are those of the published assistant. Where another adapter was published since, what
was learnt on the old one is set aside until `qa learn` has taught the new one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from query_assistant.apis import Api
from query_assistant.errors import InputError
from query_assistant.files import held
from query_assistant.models.cache import sha256_of
from query_assistant.params import load_params
from query_assistant.records import Pair, Record, write_json
from query_assistant.systems.assistant import Assistant, open_assistant
from query_assistant.systems.confidence import CALIBRATION, Confidence
from query_assistant.systems.generation import System
from query_assistant.systems.published import PARAMS, SYSTEM, install, open_published

LEARNED = Path("models/learned")
MANIFEST, STATE, LOCK = "manifest.json", "promoted.json", ".lock"


class Trial(Record):
    """Two sets of weights on the same questions: shares of right answers, and the paired test of their difference.

    `low` and `high` bound the gain at 95%; `gained` questions were right with the new weights alone, `lost` with the
    old ones alone; `p_value` is that of McNemar's exact test.
    """

    items: int
    before: float
    after: float
    gained: int
    lost: int
    low: float
    high: float
    p_value: float


class Manifest(Record):
    """What is known of a model that learnt. `refused` says why it was not promoted; empty: it was.

    Attributes:
        corrections, held_out: the numbers of those it was taught, and of those that tested it.
        base_adapter: SHA-256 of the published adapter that it started from.
        in_use: which weights it was compared with: `published`, or a number.
        unaided: the share of held-out corrections that the weights in use had right without the others as examples.
        training: what `finetuning.training.finetune` says, and how many lessons of each kind there were.
    """

    number: int
    made: str
    corrections: tuple[int, ...]
    held_out: tuple[int, ...]
    base_adapter: str
    adapter: str
    in_use: str
    unaided: float
    on_held_out: Trial
    on_development: Trial
    refused: str
    training: dict[str, float]
    knobs: dict[str, float]


def manifests(root: Path) -> list[Manifest]:
    """All models that ever learnt here, the oldest first."""
    files = [folder / MANIFEST for folder in (root / LEARNED).glob("[0-9]*") if (folder / MANIFEST).is_file()]
    found = [Manifest.model_validate_json(file.read_bytes()) for file in files]
    return sorted(found, key=lambda one: one.number)


def promoted_numbers(root: Path) -> list[int]:
    """Those that were promoted and not rolled back, the one in use last.

    Raises:
        InputError: the file that says so is damaged.
    """
    file = root / LEARNED / STATE
    if not file.is_file():
        return []
    try:
        return [int(number) for number in json.loads(file.read_text(encoding="utf-8"))["numbers"]]
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{file} is damaged ({error}); remove it, and the published assistant answers") from None


def promote(root: Path, number: int) -> None:
    """From now on this one answers."""
    _settle(root, [*promoted_numbers(root), number])


def roll_back(root: Path) -> int | None:
    """Takes the last promotion back and returns the number that answers now; None: the published assistant.

    Raises:
        InputError: nothing was promoted, or a model is being taught right now.
    """
    with held(root / LEARNED / LOCK):
        numbers = promoted_numbers(root)
        if not numbers:
            raise InputError(
                "nothing was promoted, so nothing can be rolled back; `qa learn --list` shows what was learnt"
            )
        _settle(root, numbers[:-1])
    return numbers[-2] if numbers[1:] else None


def _settle(root: Path, numbers: Sequence[int]) -> None:
    write_json(root / LEARNED / STATE, {"numbers": list(numbers)})


def adapter_digest(published: Path) -> str:
    """What identifies the adapter of an installed published assistant."""
    return sha256_of(published / "adapter" / "adapter_model.safetensors")


def in_use(root: Path, published: Path) -> int | None:
    """The number of the learned model that answers; None where the published assistant does.

    That is so too where the last promoted one is no longer whole, or stands on an adapter published before.
    """
    for number in promoted_numbers(root)[-1:]:
        folder = root / LEARNED / str(number)
        if (folder / "finetuned").is_dir() and (folder / MANIFEST).is_file():
            manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
            return number if manifest.base_adapter == adapter_digest(published) else None
    return None


def open_in_use(root: Path, apis: Mapping[str, Api], system: str = SYSTEM, examples: Sequence[Pair] = ()) -> Assistant:
    """The assistant that answers here: the promoted one, or the published one where none is promoted.

    Raises:
        MissingResourceError: as `open_published`.
    """
    wanted = System.parse(system)  # what is misspelt is said before anything is loaded
    published = install(root)
    number = in_use(root, published) if wanted.weights == "finetuned" else None
    if number is None:
        if wanted.weights == "finetuned" and promoted_numbers(root):
            sys.stderr.write("what was learnt stands on another published assistant, which answers; run `qa learn`\n")
        return open_published(root, apis, system, examples)
    return open_learned(root / LEARNED / str(number), published, apis, system, examples)


def open_learned(
    folder: Path, published: Path, apis: Mapping[str, Api], system: str = SYSTEM, examples: Sequence[Pair] = ()
) -> Assistant:
    """The assistant with the weights in `folder`, and everything else of the published one."""
    file = folder / CALIBRATION
    calibration = Confidence.model_validate_json(file.read_bytes()) if file.is_file() and system == SYSTEM else None
    params = load_params(published / PARAMS)
    return open_assistant(
        System.parse(system),
        params,
        apis,
        folder,
        calibration=calibration,
        examples=examples,
        index=published / "index",
    )
