"""The shared tarballs, brought by DVC; where they cannot be had, one line says what is wrong and what to do.

python -m query_assistant.shared_data      what `make repro` begins with
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from query_assistant.errors import MissingResourceError
from query_assistant.exits import run_to_exit
from query_assistant.project import load_environment, project_root

SHARED = "data/shared"


def pull_shared_data(root: Path) -> None:
    """Puts every tarball of data/shared/ in its place.

    In a checkout without git, such as an unpacked ZIP, DVC is told to do without it; only experiments need git.

    Raises:
        MissingResourceError: a tarball is in no remote, or DVC does not work here.
    """
    if not _has_git(root):
        _dvc(root, "config", "--local", "core.no_scm", "true")
    done = _dvc(root, "pull", "--recursive", SHARED)
    lacking = [path.stem for path in sorted((root / SHARED).glob("*.dvc")) if not path.with_suffix("").is_file()]
    if done.returncode or lacking:
        what = ", ".join(lacking) or f"what lies in {SHARED}"
        raise MissingResourceError(f"cannot bring {what} from DVC's remote: {_why(done.stderr)}; {_remedy(root)}")


def _has_git(root: Path) -> bool:
    if not shutil.which("git"):
        return False
    done = subprocess.run(["git", "-C", str(root), "rev-parse", "--git-dir"], capture_output=True, check=False)
    return done.returncode == 0


def _dvc(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dvc", *words]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def _why(stderr: str) -> str:
    errors = [line.removeprefix("ERROR: ") for line in stderr.splitlines() if line.startswith("ERROR")]
    return errors[0].split(" - ")[0] if errors else "DVC failed without a word"


def _remedy(root: Path) -> str:
    if not (root / "remote").is_dir():
        return "get remote/ back, which is part of the repository (`git checkout remote`, or clone again)"
    return "see `dvc pull -v`, or name a remote that has them: `dvc remote add --default --force lab s3://bucket/path`"


def main() -> None:
    load_environment()
    pull_shared_data(project_root())


if __name__ == "__main__":
    sys.exit(run_to_exit(main))
