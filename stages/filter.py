"""filter: access logs -> data/queries/<api>.jsonl, good ones only, and metrics/filter/<api>.json: why others fell."""

from pathlib import Path

from query_assistant.apis import records_file
from query_assistant.logs.filtering import Executor, filter_logs
from query_assistant.params import Params
from query_assistant.pipeline.stage import load_apis, run_stage
from query_assistant.records import write_json, write_jsonl
from query_assistant.replica import Replica
from query_assistant.replica.live import LiveExecutor


def main(params: Params, api_name: str) -> None:
    api, knobs = load_apis(params)[api_name], params.filter
    executor: Executor = Replica.load(api, records_file(api_name))
    if knobs.executor == "live":
        executor = LiveExecutor(api, Path(".cache/live.sqlite"))
    logs = [Path(knobs.logs) / api_name]
    result = filter_logs(logs, api, executor, knobs.per_signature, most_requests=knobs.most_requests)
    queries = result.queries[: knobs.max_queries or None]
    write_jsonl(f"data/queries/{api_name}.jsonl", queries)
    write_json(f"metrics/filter/{api_name}.json", result.report.metrics())
    print(result.report.text())


if __name__ == "__main__":
    run_stage(main)
