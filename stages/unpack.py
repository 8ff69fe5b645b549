"""unpack: one shared tarball -> data/raw/<bundle>/. Refuses links, absolute paths, `..` and bombs."""

from pathlib import Path

from query_assistant.archives import unpack
from query_assistant.params import Params
from query_assistant.pipeline.stage import run_stage


def main(params: Params, bundle: str) -> None:
    files = unpack(Path(f"data/shared/{bundle}.tar.gz"), Path(f"data/raw/{bundle}"))
    print(f"{bundle}: {len(files)} files")


if __name__ == "__main__":
    run_stage(main, kept=False)  # the tarball is kept
