"""merge: base weights + adapter -> models/finetuned/, one model for the CPU engine."""

from pathlib import Path

from query_assistant.models.merging import merge
from query_assistant.params import Params
from query_assistant.pipeline.stage import run_stage


def main(_: Params) -> None:
    merge(Path("models/base"), Path("models/adapter"), Path("models/finetuned"))


if __name__ == "__main__":
    run_stage(main, kept=False)  # big, and made again in seconds
