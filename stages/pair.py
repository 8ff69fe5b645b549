"""pair: good queries, and others for what the logs lack -> data/pairs/<api>.jsonl, checked and reviewed."""

from pathlib import Path
from typing import Any

from query_assistant.apis import Api, api_folder, records_file
from query_assistant.completions import KeptCompletions
from query_assistant.descriptions.documentation import chunks
from query_assistant.drafting.enrichment import enriched, written_examples
from query_assistant.drafting.synthesis import SynthesisSettings, synthesise
from query_assistant.engines.completion import completer
from query_assistant.pairs.balance import balanced
from query_assistant.pairs.diversity import recoverability, summarise
from query_assistant.pairs.fluff import FluffSettings, without_fluff
from query_assistant.pairs.honesty import Honesty
from query_assistant.pairs.model_writer import ModelSettings, ModelWriter
from query_assistant.pairs.review import REVIEW, apply_decisions, load_decisions
from query_assistant.pairs.writing import PairSettings, write_pairs
from query_assistant.pairs.written import WRITTEN, written_pairs
from query_assistant.params import PairParams, Params
from query_assistant.pipeline.stage import load_apis, run_stage
from query_assistant.project import shared_cache
from query_assistant.records import FieldDescription, GoodQuery, iterate_documents, read_jsonl, write_json, write_jsonl
from query_assistant.replica import Replica
from query_assistant.seeds import derive_seed


def main(params: Params, name: str) -> None:
    api, knobs, seed = load_apis(params)[name], params.pair, derive_seed(params.seed, f"pair/{name}")
    records = enriched(iterate_documents(records_file(name)), name, seed)
    replica = Replica.from_records(api, records)
    logged = balanced(read_jsonl(f"data/queries/{name}.jsonl", GoodQuery), knobs.logged_queries, seed)
    wanted = SynthesisSettings(queries=knobs.synthesised_queries, seed=seed)
    made, synthesis = synthesise(api, records, replica, logged, wanted)
    settings = PairSettings(instructions_per_query=knobs.instructions_per_query, seed=seed)
    written, writing = write_pairs(api, [*logged, *made], replica, settings, _model(knobs, api))
    honest = Honesty(api, written, names=knobs.llm is None)
    cleaned, fluff = without_fluff(written, honest, FluffSettings(**knobs.fluff.model_dump()))
    decisions = load_decisions(api_folder(name) / REVIEW)
    people = written_pairs(api_folder(name) / WRITTEN, api)
    pairs, decided = apply_decisions([*cleaned, *people], decisions)  # after the fluff: people's words are not touched
    write_jsonl(f"data/pairs/{name}.jsonl", pairs)
    figures = {
        **summarise(pairs, api, seed),
        "literals_recoverable": recoverability([pair for pair in pairs if pair.form != "written"], api),
        "rejected": dict(sorted(writing.rejected.items())),
        "fields_with_example_values": len(written_examples(name)),
        "reviewed": dict(sorted(decided.items())),
        "synthesis": {"made": dict(sorted(synthesis.made.items())), "fallen": dict(sorted(synthesis.fallen.items()))},
        "fluff": fluff,
    }
    write_json(f"metrics/pair/{name}.json", figures)
    print(f"{name}: {len(pairs)} pairs of {len(logged)} logged and {len(made)} synthesised queries")


def _model(knobs: PairParams, api: Api) -> ModelWriter | None:
    llm, cache = knobs.llm, shared_cache() / "pair"
    if llm is None:
        return None
    fields = read_jsonl(f"data/fields/{api.name}.jsonl", FieldDescription)
    documentation = "\n\n".join(one.text for one in chunks(Path(f"data/apis/{api.name}/documentation.md")))
    complete = completer(llm.base_url, llm.model_name, llm.api_key_variable)
    kept = KeptCompletions(complete, llm.model_name, cache)
    settings = ModelSettings(batch=llm.batch, usd_per_million=llm.usd_per_million)
    announce: Any = lambda estimate: print(f"{api.name}: {estimate}")  # noqa: E731
    return ModelWriter(api.title, fields, documentation, kept, settings, announce)


if __name__ == "__main__":
    run_stage(main)
