"""What is committed, for tests that hold the repository to its word whatever experiment lies in the workspace."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def committed(path: str) -> str:
    """A file's text at HEAD; empty where there is none or no history."""
    done = subprocess.run(["git", "show", f"HEAD:{path}"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout
