"""What experiments of DVC came to: their files, read from the commits that DVC keeps under `refs/exps/`."""

from __future__ import annotations

import subprocess
from pathlib import Path

from query_assistant.errors import MissingResourceError


def committed_file(root: Path, experiment: str, file: str) -> str:
    """The text of a file in an experiment (or any revision of git); empty where there is no such file or experiment."""
    refs = _git(root, "for-each-ref", "--format=%(refname)", "refs/exps").split()
    found = next((ref for ref in refs if ref.endswith(f"/{experiment}")), experiment)
    return _git(root, "show", "--end-of-options", f"{found}:{file}")


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise MissingResourceError(f"no git ({error}): experiments are commits; install it") from None
    return done.stdout if done.returncode == 0 else ""
