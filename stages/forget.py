"""forget: base weights, and with the adapter, on general tasks -> metrics/forget.json: what fine-tuning cost elsewhere.

With `forget=none`, the default, nothing is measured and the file says so.
"""

from pathlib import Path

from query_assistant.forgetting.comparison import Forgetting, compare_measured
from query_assistant.forgetting.measuring import Conditions, MeasuredModel, measure, provenance
from query_assistant.params import Params
from query_assistant.pipeline.stage import run_stage
from query_assistant.records import write_json
from query_assistant.statistics import Resampling

BASE, ADAPTER, RESULT = Path("models/base"), Path("models/adapter"), Path("metrics/forget.json")
CODE = Path(".fingerprints/code/forget")


def main(params: Params) -> None:
    result = _measured(params) if params.forget.tasks else Forgetting()
    write_json(RESULT, result.model_dump(mode="json", exclude_none=True))
    if result.mean:
        points, (low, high) = 100 * result.mean.difference, result.mean.difference_interval
        print(f"fine-tuned against base: {points:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f}) over all tasks")


def _measured(params: Params) -> Forgetting:
    knobs, lora = params.forget, params.model.lora
    assert lora is not None  # the stage exists only for models that are trained
    conditions = Conditions(
        items=knobs.items,
        seed=params.seed,
        batch_size=knobs.batch_size,
        device=lora.device,
        dtype=lora.dtype,
        code=CODE.read_text(encoding="utf-8"),
    )
    base, finetuned = MeasuredModel(BASE), MeasuredModel(BASE, ADAPTER)
    found = [measure(subject, knobs.tasks, conditions) for subject in (base, finetuned)]
    resampling = Resampling(params.score.bootstrap_samples, params.score.confidence)
    return compare_measured(*found, of=provenance(finetuned), seed=params.seed, resampling=resampling)


if __name__ == "__main__":
    run_stage(main)
