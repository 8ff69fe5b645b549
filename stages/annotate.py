"""annotate: field list + real records -> data/fields/<api>.jsonl, every field described."""

from pathlib import Path
from typing import Any

from query_assistant.apis import Api, records_file
from query_assistant.apis.fields import load_schema
from query_assistant.completions import KeptCompletions
from query_assistant.descriptions.annotation import Annotator, annotate, glossary_annotator
from query_assistant.descriptions.examples import example_values
from query_assistant.descriptions.llm import LlmAnnotator
from query_assistant.engines.completion import completer
from query_assistant.params import AnnotateParams, Params
from query_assistant.pipeline.stage import load_apis, run_stage
from query_assistant.project import shared_cache
from query_assistant.records import iterate_documents, write_jsonl


def main(params: Params, api_name: str) -> None:
    api = load_apis(params)[api_name]
    schema = load_schema(Path(f"data/apis/{api_name}/fields.csv"))
    examples = example_values(iterate_documents(records_file(api_name)), schema)
    fields = annotate(schema, api_name, examples, _annotator(params.annotate, api))
    write_jsonl(f"data/fields/{api_name}.jsonl", fields)
    print(f"{api_name}: {len(fields)} fields described, {len(examples)} with an example value")


def _annotator(settings: AnnotateParams, api: Api) -> Annotator:
    llm = settings.llm
    if llm is None:
        return glossary_annotator(api.name)
    announce: Any = lambda estimate: print(f"{api.name}: {estimate}")  # noqa: E731
    cache = shared_cache() / "annotate"
    complete = completer(llm.base_url, llm.model_name, llm.api_key_variable)
    return LlmAnnotator(
        KeptCompletions(complete, llm.model_name, cache),
        api.title,
        api.about,
        llm.batch,
        usd_per_million=llm.usd_per_million,
        announce=announce,
    )


if __name__ == "__main__":
    run_stage(main)
