"""index: fields, documentation and training pairs -> models/index/<word>/, one folder per word that retrieves."""

from pathlib import Path

from query_assistant.descriptions.documentation import chunks
from query_assistant.params import Params
from query_assistant.pipeline.stage import load_apis, run_stage
from query_assistant.records import FieldDescription, Pair, read_jsonl, write_json
from query_assistant.retrieval.linking import has_linker
from query_assistant.retrieval.search import Retriever, build_index, recall_at_k

SHOWN, LINKER = Path("models/index"), Path("models/linker")
WEIGHTS = (0, 0.3, 1)


def main(params: Params) -> None:
    apis, embedder = load_apis(params), params.index.embedder
    fields = {name: read_jsonl(f"data/fields/{name}.jsonl", FieldDescription) for name in apis}
    passages = {name: [one.text for one in chunks(Path(f"data/apis/{name}/documentation.md"))] for name in apis}
    train = read_jsonl("data/splits/train.jsonl", Pair)
    linker = LINKER if has_linker(LINKER) else None
    shown = passages if params.index.documentation else {}
    build_index(fields, shown, [], SHOWN / "rag", model=embedder, linker=linker)
    build_index({}, {}, train, SHOWN / "few_shot", model=embedder)  # every wording: a search shows each query once
    validation = read_jsonl("data/splits/validation.jsonl", Pair)
    rag = Retriever.load(SHOWN / "rag")
    found = {f"lexical_weight_{weight}": recall_at_k(rag.weighted(weight), validation, apis) for weight in WEIGHTS}
    write_json("metrics/index.json", found)


if __name__ == "__main__":
    run_stage(main)
