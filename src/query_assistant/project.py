"""Where the repository's data and configuration lie, whichever folder a command is typed in, and its `.env`."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from pathlib import Path

from query_assistant.errors import ConfigurationError, InputError
from query_assistant.inputs import read_text

VARIABLE = "QUERY_ASSISTANT_ROOT"
CACHE_VARIABLE = "QUERY_ASSISTANT_CACHE"


def project_root() -> Path:
    """The checkout: `QUERY_ASSISTANT_ROOT`, else the nearest parent of the current folder, else the package's own.

    Raises:
        ConfigurationError: none of the three holds `data/apis`.
    """
    named = os.environ.get(VARIABLE)
    here = _current_folder()
    candidates = [Path(named)] if named else [*here, Path(__file__).resolve().parents[2]]
    for folder in candidates:
        if (folder / "data" / "apis").is_dir():
            return folder
    raise ConfigurationError(
        f"no Query Assistant checkout at {named or next(iter(here), 'a folder that is gone')}: "
        f"expected a folder with data/apis; set {VARIABLE} to the clone"
    )


def shared_cache() -> Path:
    """What is dear to make or fetch, for all checkouts: `QUERY_ASSISTANT_CACHE`, else ~/.cache/query-assistant."""
    named = os.environ.get(CACHE_VARIABLE)
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(named) if named else Path(home) / "query-assistant"


def _current_folder() -> list[Path]:
    """The current folder and its parents; none where somebody has deleted it."""
    with suppress(FileNotFoundError):
        return [Path.cwd(), *Path.cwd().parents]
    return []


def load_environment() -> None:
    """Puts the keys of the checkout's `.env` into the environment, where they are not set already.

    Only the project root is looked at, no folder above it. Queued experiments run in copies below
    `<checkout>/.dvc/tmp`, without what git ignores: they take the `.env` of that checkout.

    Raises:
        InputError: there is a `.env` that cannot be read.
    """
    try:
        file = _own_checkout(project_root()) / ".env"
    except ConfigurationError:  # a command that needs the checkout says so itself
        return
    if not file.exists() or file.is_dir():  # some call their virtual environment `.env`
        return
    from dotenv import dotenv_values

    text = read_text(file)
    if "\0" in text:
        raise InputError(f"{file} holds a NUL, which no variable can; save it as UTF-8 text")
    for name, value in dotenv_values(stream=io.StringIO(text)).items():
        if value is not None:
            os.environ.setdefault(name, value)


def _own_checkout(root: Path) -> Path:
    parts = root.resolve().parts
    return Path(*parts[: parts.index(".dvc")]) if ".dvc" in parts else root
