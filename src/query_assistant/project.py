"""Where the repository's data and configuration lie, whichever folder a command is typed in."""

from __future__ import annotations

import os
from pathlib import Path

from query_assistant.errors import ConfigurationError

VARIABLE = "QUERY_ASSISTANT_ROOT"
CACHE_VARIABLE = "QUERY_ASSISTANT_CACHE"


def project_root() -> Path:
    """The checkout: `QUERY_ASSISTANT_ROOT`, else the nearest parent of the current folder, else the package's own.

    Raises:
        ConfigurationError: none of the three holds `data/apis`.
    """
    named = os.environ.get(VARIABLE)
    here = Path.cwd()
    candidates = [Path(named)] if named else [here, *here.parents, Path(__file__).resolve().parents[2]]
    for folder in candidates:
        if (folder / "data" / "apis").is_dir():
            return folder
    raise ConfigurationError(
        f"no Query Assistant checkout at {named or here}: expected a folder with data/apis; set {VARIABLE} to the clone"
    )


def shared_cache() -> Path:
    """What is dear to make or fetch, for all checkouts: `QUERY_ASSISTANT_CACHE`, else ~/.cache/query-assistant."""
    named = os.environ.get(CACHE_VARIABLE)
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(named) if named else Path(home) / "query-assistant"
