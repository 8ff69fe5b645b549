"""The reference pages, written out of the code: commands, knobs, HTTP API; and the figures of data card and model card,
out of data/ and metrics/. `make reference` writes them, a test compares.

python docs/reference.py
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import click
import yaml
from pydantic import BaseModel

from query_assistant.cli import COMMANDS, cli
from query_assistant.learning.knobs import LearnParams
from query_assistant.params import Params
from query_assistant.server.bounded_work import BoundedWork
from query_assistant.server.desk import Desk
from query_assistant.server.endpoints import api_application
from query_assistant.systems.published import SYSTEM

ROOT = Path(__file__).parents[1]
WRITTEN = "<!-- written by docs/reference.py (`make reference`); change the code, not this page -->\n"
KNOB = re.compile(r"(?P<indent> *)(?P<name>[\w-]+):(?: (?P<value>[^#]*?))?(?:\s+# (?P<comment>.*))?$")
WIDTH = 110
BOUNDS = (("minimum", ">="), ("exclusiveMinimum", ">"), ("maximum", "<="), ("exclusiveMaximum", "<"))


def commands_page() -> str:
    """Every command of `qa` as its --help says it."""
    parts = [
        "# Reference: the commands of qa\n",
        WRITTEN,
        "Exit codes: 0, 1 (a negative answer), 2 (bad input, one line on stderr), 130 (Ctrl-C). `-` is standard output where a file is written.\n",
    ]
    root = click.Context(cli, info_name="qa", terminal_width=WIDTH, max_content_width=WIDTH, **cli.context_settings)
    for name in COMMANDS:
        command = cli.get_command(root, name)
        assert command is not None
        parts += _command(command, name, root, depth=2)
    return "\n".join(parts)


def _command(command: click.Command, name: str, parent: click.Context, depth: int) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH)
    yield f"{'#' * depth} {context.command_path}\n"
    yield f"```text\n{command.get_help(context)}\n```\n"
    for inner in command.list_commands(context) if isinstance(command, click.Group) else ():
        found = cast(click.Group, command).get_command(context, inner)
        assert found is not None
        yield from _command(found, inner, context, depth + 1)


def knobs_page() -> str:
    """Every knob of conf/ with its default, what may stand there, and which way it pushes."""
    defaults = {k: v for one in _yaml("config.yaml")["defaults"] if isinstance(one, dict) for k, v in one.items()}
    parts = [
        "# Reference: the knobs of conf/\n",
        WRITTEN,
        "`dvc exp run -S finetune.learning_rate=5e-4` turns one, `dvc exp run -S model=qwen25-coder-0.5b` chooses another option of a group. What stands "
        "in a table is the group's default option, or, where that sets next to nothing, one that shows the knobs. Which stages a knob runs again: [pipeline.md](pipeline.md).\n",
        "## For all\n",
        *_table("", (ROOT / "conf" / "config.yaml"), {"defaults", "schema"}),
    ]
    for group, option in defaults.items():
        parts += [f"## {group}\n", *_options(group, str(option))]
        if group != "experiment":
            parts += _table(f"{group}.", _most_telling(group, str(option)), {"defaults"})
    parts += ["## qa learn\n", "`qa learn -S KNOB=VALUE`; no stage reads them.\n"]
    parts += _table("", ROOT / "conf" / "learn.yaml", set(), LearnParams)
    return "\n".join(parts)


def _yaml(name: str) -> Any:
    return yaml.safe_load((ROOT / "conf" / name).read_text(encoding="utf-8"))


def _most_telling(group: str, option: str) -> Path:
    """The file of a group's default option, or of another where the default sets next to nothing."""
    files = sorted((ROOT / "conf" / group).glob("*.yaml"), key=lambda file: file.stem != option)
    return max(files, key=lambda file: (len(_knobs(file)) > 2, file.stem == option))


def _options(group: str, default: str) -> Iterator[str]:
    yield "| option | what it is |\n|---|---|"
    for file in sorted((ROOT / "conf" / group).glob("*.yaml")):
        head = [line[2:] for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("# ")]
        said = " ".join(line.strip() for line in head if not line.startswith((" ", "@")))
        yield f"| `{group}={file.stem}`{', the default' if file.stem == default else ''} | {_cell(said)} |"
    yield ""


def _table(prefix: str, file: Path, without: set[str], checked: type[BaseModel] = Params) -> Iterator[str]:
    rows = [row for row in _knobs(file) if row[0].split(".")[0] not in without]
    if not rows:
        return
    yield "| knob | default | may be | what it does |\n|---|---|---|---|"
    for name, value, comment in rows:
        allowed = _allowed(f"{prefix}{name}", checked.model_json_schema())
        yield f"| `{prefix}{name}` | {_cell(value)} | {_cell(allowed)} | {_cell(comment)} |"
    yield ""


def _knobs(file: Path) -> list[tuple[str, str, str]]:
    """Name, value and comment of every line that sets one; a section's own comment stands at its name."""
    above: list[tuple[int, str]] = []
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if not (match := KNOB.fullmatch(line)):
            continue
        indent = len(match["indent"])
        above = [(depth, name) for depth, name in above if depth < indent]
        name = ".".join([*(name for _, name in above), match["name"]])
        above.append((indent, match["name"]))
        if match["value"] or match["comment"]:
            found.append((name, (match["value"] or "").strip(), match["comment"] or ""))
    return found


def _allowed(path: str, schema: dict[str, Any]) -> str:
    """What the schema lets stand under a dotted name."""
    nodes = [schema]
    for part in path.split("."):
        inner = [one for node in nodes for one in _alternatives(node, schema)]
        found = [one.get("properties", {}).get(part) or one.get("additionalProperties") for one in inner]
        nodes = [one for one in found if isinstance(one, dict)]
    said = [_said(one) for node in nodes for one in _alternatives(node, schema)]
    return " or ".join(dict.fromkeys(filter(None, said)))


def _alternatives(node: dict[str, Any], schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "$ref" in node:
        yield from _alternatives(schema["$defs"][node["$ref"].rsplit("/", 1)[1]], schema)
    elif "anyOf" in node or "oneOf" in node:
        for one in node.get("anyOf") or node["oneOf"]:
            yield from _alternatives(one, schema)
    else:
        yield node


def _said(node: dict[str, Any]) -> str:
    if "enum" in node or "const" in node:
        return ", ".join(map(str, node.get("enum") or [node["const"]]))
    if node.get("type") == "array":
        return f"list of {_said(node.get('items', {})) or 'names'}"
    if node.get("type") in ("object", "null"):
        return "null" if node["type"] == "null" else ""
    bounds = " ".join(f"{sign} {node[key]:g}" for key, sign in BOUNDS if key in node)
    return f"{node.get('type', '')} {bounds}".strip()


def http_page() -> str:
    """Every endpoint of the server with what it reads and answers."""
    document = api_application(cast(Desk, None), cast(BoundedWork, None)).openapi()
    parts = [
        "# Reference: the HTTP API\n",
        WRITTEN,
        "What each call is for, limits, errors and MCP: [server.md](server.md). `/api/openapi.json` of a running server is the same for programs.\n",
    ]
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            parts += [f"## {method.upper()} {path}\n", *_call(call)]
    parts.append("## What is asked and answered\n")
    for name, schema in sorted(document["components"]["schemas"].items()):
        if name not in ("HTTPValidationError", "ValidationError"):
            parts += [f"### {name}\n", *_fields(schema)]
    return "\n".join(parts)


def _call(call: dict[str, Any]) -> Iterator[str]:
    if text := call.get("description"):
        yield " ".join(text.split()) + "\n"
    for parameter in call.get("parameters", ()):
        needed = "" if parameter.get("required") else f", default {parameter['schema'].get('default')}"
        yield f"- {parameter['name']} ({parameter['in']}): {_shape(parameter['schema'])}{needed}"
    if body := call.get("requestBody"):
        yield f"- body: {_shape(body['content']['application/json']['schema'])}"
    for status, answer in call["responses"].items():
        if status != "422":
            content = answer.get("content", {}).get("application/json", {}).get("schema")
            yield f"- {status}: {_shape(content) if content else 'nothing'}"
    yield ""


def _fields(schema: dict[str, Any]) -> Iterator[str]:
    if text := schema.get("description"):
        yield " ".join(text.split()) + "\n"
    yield "| field | form | needed | what it is |\n|---|---|---|---|"
    for name, field in schema.get("properties", {}).items():
        needed = "yes" if name in schema.get("required", ()) else ""
        yield f"| {name} | {_cell(_shape(field))} | {needed} | {_cell(field.get('description', ''))} |"
    yield ""


def _shape(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[1])
    if "anyOf" in schema:
        return " or ".join(_shape(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_shape(schema.get('items', {}))}"
    return _said(schema) or str(schema.get("type", "anything"))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("`", "").replace("*", "\\*")


def counted_data() -> str:
    """What of each API's folder is data that somebody wrote, counted."""
    names = ("fields.csv", "written.jsonl", "development.jsonl", "benchmark.jsonl")
    lines = ["| API | fields | questions for training | development set | benchmark |", "|---|---:|---:|---:|---:|"]
    for folder in sorted(file.parent for file in (ROOT / "data" / "apis").glob("*/fields.csv")):
        counts = [_count_lines(folder / name) - (name == "fields.csv") for name in names]
        lines.append(f"| {folder.name} | {' | '.join(f'{count:,}' if count else '' for count in counts)} |")
    return "\n".join(lines)


def counted_audits() -> str:
    """The verdicts of every audit, as they were given."""
    lines = ["| audit | of | right | ambiguous | wrong | other |", "|---|---:|---:|---:|---:|---:|"]
    for file in sorted((ROOT / "data" / "audits").glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as rows:
            given = Counter(row["verdict"] for row in csv.DictReader(rows))
        known = [given.pop(verdict, 0) for verdict in ("right", "ambiguous", "wrong")]
        other = sum(given.values())
        total = sum(known) + other
        lines.append(
            f"| `data/audits/{file.name}` | {total:,} | {' | '.join(f'{one:,}' for one in known)} | {other or ''} |"
        )
    return "\n".join(lines)


def published_figures() -> str:
    """What the published assistant reaches on each API, and its errors, out of metrics/published/."""
    file = ROOT / "metrics" / "published" / f"{SYSTEM}.json"
    score = json.loads(file.read_text(encoding="utf-8"))["benchmark"]
    low, high = score["interval"]["selection"]
    lines = [
        "| benchmark | questions | valid | right records | with page and columns | letter by letter |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, one in [*sorted(score["by_api"].items()), ("all", score)]:
        shares = " | ".join(f"{100 * one[rung]:.1f}%" for rung in ("valid", "selection", "execution", "exact"))
        lines.append(f"| {name} | {one['n']} | {shares} |")
    errors = sorted(score["errors"].items(), key=lambda pair: (-pair[1], pair[0]))
    said = ", ".join(f"{count} {error.replace('_', ' ')}" for error, count in errors if count)
    return "\n".join(
        [*lines, "", f"Right records: {100 * low:.1f} to {100 * high:.1f}% (95%). Errors by class: {said}."]
    )


def _count_lines(file: Path) -> int:
    return sum(1 for line in file.read_text(encoding="utf-8").splitlines() if line.strip()) if file.is_file() else 0


def with_blocks(page: str) -> str:
    """The page with its marked blocks as the repository has them today."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    for name, written in BLOCKS[page].items():
        before, rest = text.split(f"<!-- {name}:begin -->\n")
        _, after = rest.split(f"<!-- {name}:end -->")
        text = f"{before}<!-- {name}:begin -->\n{written()}\n<!-- {name}:end -->{after}"
    return text


BLOCKS = {
    "data-card.md": {"counts": counted_data, "audits": counted_audits},
    "model-card.md": {"figures": published_figures},
}
PAGES = {
    "reference-commands.md": commands_page,
    "reference-knobs.md": knobs_page,
    "reference-http.md": http_page,
}

if __name__ == "__main__":
    for page, written in PAGES.items():
        (ROOT / "docs" / page).write_text(written().rstrip("\n") + "\n", encoding="utf-8")
    for page in BLOCKS:
        (ROOT / "docs" / page).write_text(with_blocks(page), encoding="utf-8")
