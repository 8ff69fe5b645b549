"""check: the configuration is sound and the machine has what it needs -> .fingerprints/, on which all stages depend."""

from pathlib import Path

from query_assistant.params import Params
from query_assistant.pipeline.checks import require
from query_assistant.pipeline.fingerprints import write_fingerprints
from query_assistant.pipeline.stage import run_stage


def main(params: Params) -> None:
    require(params, Path("models/base"))
    write_fingerprints(params.apis)


if __name__ == "__main__":
    run_stage(main, kept=False)
