"""DVC's run cache for stages whose outputs stay out of DVC's data cache.

An output that DVC caches is one that `dvc pull` wants to bring, and a clone whose remote does not hold it ends with
exit code 1. So stage outputs are `cache: false`; but then DVC, after running a stage, does not remember the run
(`no_cache_outs` in dvc/stage/__init__.py). It restores remembered ones all the same, so a stage says at its end what
DVC would have said: with the same code, parameters and data, `dvc repro` and queued experiments take what was made.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def remember(stage: str, root: Path) -> None:
    """Keeps what the stage of that name (`generate@base`) has just made for whenever it would be made again.

    Where DVC cannot, the outputs are there all the same; it is said, and the run goes on.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(os.fspath(root)) as repo:
            for found in repo.stage.collect(stage):
                found.save()
    except DvcException as error:
        print(f"warning: DVC will not remember {stage}: {error}", file=sys.stderr)  # noqa: T201
