"""link: training pairs -> models/linker, the field linker; and how often it finds every field that is meant.

With `link=published` the shared linker takes the place of training, with `link=none` there is none.
"""

from pathlib import Path

from query_assistant.params import Params
from query_assistant.pipeline.stage import load_apis, run_stage
from query_assistant.records import FieldDescription, Pair, read_jsonl, write_json
from query_assistant.retrieval.linking import adopt_linker, no_linker, train_linker
from query_assistant.seeds import derive_seed

LINKER, PUBLISHED = Path("models/linker"), Path("data/raw/published-linker")


def main(params: Params) -> None:
    parts = {name: read_jsonl(f"data/splits/{name}.jsonl", Pair) for name in ("train", "validation", "test")}
    if params.link.engine == "train":
        fields = {name: read_jsonl(f"data/fields/{name}.jsonl", FieldDescription) for name in load_apis(params)}
        start = PUBLISHED if params.link.start_from == "published" else None
        report = train_linker(parts["train"], fields, LINKER, params.link, derive_seed(params.seed, "linker"), start)
    elif params.link.engine == "published":
        report = adopt_linker(PUBLISHED, [*parts["validation"], *parts["test"]], LINKER)
    else:
        report = no_linker(LINKER)
    write_json("metrics/link.json", report)


if __name__ == "__main__":
    run_stage(main)
