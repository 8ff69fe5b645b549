"""fetch: the base model's weights -> models/base/ (skips what is there and verified)."""

from pathlib import Path

from query_assistant.engines import require_gpu
from query_assistant.models.fetching import fetch
from query_assistant.params import Params
from query_assistant.pipeline.stage import run_stage

BASE = Path("models/base")


def main(params: Params) -> None:
    model = params.model
    if model.trained and model.lora:
        require_gpu(model.lora.device, f"to fine-tune {model.name}")
    if model.source.kind == "none":
        BASE.mkdir(parents=True, exist_ok=True)
        (BASE / "README").write_text(f"{model.name} is asked over the network: no weights.\n", encoding="utf-8")
        return
    fetch(model.source, BASE)


if __name__ == "__main__":
    run_stage(main)
