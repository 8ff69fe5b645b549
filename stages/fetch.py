"""fetch: the base model's weights -> models/base/, linked from the cache that all checkouts share."""

from pathlib import Path

from query_assistant.models.fetching import fetch
from query_assistant.params import Params
from query_assistant.pipeline.stage import run_stage

BASE = Path("models/base")


def main(params: Params) -> None:
    source = params.model.source
    if source.kind == "none":
        BASE.mkdir(parents=True, exist_ok=True)
        (BASE / "README").write_text("This model is asked over the network: no weights.\n", encoding="utf-8")
        return
    fetch(source, BASE)


if __name__ == "__main__":
    run_stage(main, kept=False)  # big, and linked again in seconds
