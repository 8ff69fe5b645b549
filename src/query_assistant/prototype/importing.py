"""A folder of the prototype's files or tarballs, brought into this repository's forms.

    report = import_original(Path("original"), project_root(), load_api("mygene"))

| what it had | where it goes |
| --- | --- |
| data/logs/<api>_log_paths.csv | data/logs/<api>/, an input of `filter` |
| <api>_filtered.csv, <api>_hits.csv, queries_with_hits.csv | data/original/queries/, lines that `qa filter` reads |
| data/ft/*inst_query_pairs.csv, train and test splits | data/original/pairs/, or references/ where the name says test |
| responses_*.pkl | data/original/responses/, lines that `qa score` reads |
| server/responses.db | data/corrections.sqlite |
| adapter_model.{bin,safetensors} with adapter_config.json | data/original/adapters/ |
| *_field_desc.csv, descriptions.json, compact_descriptions.json | data/original/descriptions/ |

Nothing in the folder is changed or run. The same folder gives the same files, so a second import changes nothing, and
one that was killed is finished by the next. What cannot be used is left, what could do harm is refused, each with the
reason; one file's fault ends no import.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from query_assistant.apis import Api, api_names, load_api
from query_assistant.apis.fields import Field
from query_assistant.corrections.importing import MAGIC, import_corrections
from query_assistant.corrections.store import PLACE
from query_assistant.errors import InputError, QueryAssistantError
from query_assistant.files import atomic_bytes, atomic_writer
from query_assistant.inputs import open_plainly, read_text
from query_assistant.models.cache import sha256_of
from query_assistant.pairs.written import pair_of
from query_assistant.prototype.adapters import CONFIG, PICKLED, WEIGHTS, bring_adapter
from query_assistant.prototype.finding import OriginalFile, find_files
from query_assistant.prototype.report import FileFate, ImportReport
from query_assistant.prototype.tables import columns_of, read_pairs, read_paths, read_table, table_kind
from query_assistant.queries.request import from_text
from query_assistant.records import FieldDescription, WrittenPair, dump, json_line
from query_assistant.systems.importing import import_pickled_responses

HOME, LOGS, WORKPLACE = Path("data/original"), Path("data/logs"), Path(".cache/original")
MOST_JSON_BYTES = 2**26
SHOWN_FAULTS = 3
SOURCE = "the prototype's language model"
INDEX = re.compile(r"(^|/)(faiss_)?index[^/]*\.(pkl|faiss)$|\.faiss$")
WHOLE = "whole weights: `-S model.source.kind=folder -S model.source.name=FOLDER` reads them where they lie"
LEFT = {
    ".ipynb": "a notebook; docs/original.md says what does its work here",
    ".py": "a script; docs/original.md says what does its work here",
    ".yaml": "a configuration of training or evaluation; conf/finetune and conf/forget take its place",
    ".gbnf": "a grammar by hand; `qa grammar` makes it of the API's definition",
    ".md": "a prompt or a page; prompts here are in src/query_assistant/prompts/templates",
    ".txt": "text: a log, documentation, a prompt, a list of packages; docs/original.md says what takes its place",
    ".log": "what the server said of itself",
    ".gguf": WHOLE,
    ".safetensors": WHOLE,
    ".pt": "a checkpoint of the optimiser, or a copy of the adapter beside it; nothing here goes on from it",
}


def import_original(folder: Path, root: Path, api: Api) -> ImportReport:
    """Brings over everything that can be used.

    Args:
        root: the checkout that it is brought into.
        api: whose files those are that name no API; the prototype's own experiments were MyGene's.

    Raises:
        InputError: there is no such folder, or another import is at work.
    """
    bringer = _Bringer(root, api)
    return ImportReport([bringer.bring(found) for found in find_files(folder, root / WORKPLACE)])


class _Bringer:
    """Brings one file after the other; two that would be written to one place are told apart by what they hold."""

    def __init__(self, root: Path, api: Api) -> None:
        self.root = root
        self.api = api
        self.known = {name: load_api(name) for name in api_names()}
        self.seen: dict[tuple[PurePosixPath, str], str] = {}
        self.taken: dict[Path, str] = {}

    def bring(self, found: OriginalFile) -> FileFate:
        if found.problem:
            return FileFate(found.name, "refused", found.problem)
        try:
            if (first := self.seen.setdefault((found.inside, sha256_of(found.path)), found.name)) != found.name:
                return FileFate(found.name, "left", f"the same file as {first}")
            return self._bring(found)
        except QueryAssistantError as error:
            return FileFate(found.name, "refused", str(error).replace(str(found.path), found.path.name))

    def _bring(self, found: OriginalFile) -> FileFate:
        name, suffix = found.path.name, found.path.suffix.lower()
        if name in (WEIGHTS, PICKLED):
            return self._adapter(found)
        if name == CONFIG:
            return FileFate(found.name, "left", "is brought with the weights beside it")
        if suffix in (".pkl", ".pickle"):
            return self._responses(found)
        if suffix in (".db", ".sqlite", ".sqlite3") and _is_database(found.path):
            return self._corrections(found)
        if suffix == ".csv":
            return self._table(found)
        if suffix == ".json":
            return self._json(found)
        if INDEX.search(found.inside.as_posix()):
            return FileFate(found.name, "left", "a vector index; the stage `index` makes one of today's fields")
        return FileFate(found.name, "left", LEFT.get(suffix, "nothing here reads such a file"))

    def _of(self, found: OriginalFile) -> Api:
        """Whose file it is: the API that its name or its folders' names, else the one that was given."""
        words = re.split(r"[^a-z0-9]+", found.inside.as_posix().lower())
        return next((self.known[word] for word in reversed(words) if word in self.known), self.api)

    def _target(self, found: OriginalFile, place: Path, suffix: str) -> Path:
        """A place of the file's own, called after its whole path in the prototype.

        Raises:
            InputError: another file of this folder went there.
        """
        stem = found.inside.with_suffix("").as_posix()
        slug = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[-120:] or "file"
        target = self.root / place / f"{slug}{suffix}"
        if (first := self.taken.setdefault(target, found.name)) != found.name:
            raise InputError(f"has the same path as {first}, which was brought; import them from folders of their own")
        return target

    def _done(self, found: OriginalFile, what: str, *targets: Path) -> FileFate:
        return FileFate(found.name, "brought", what, tuple(path.relative_to(self.root).as_posix() for path in targets))

    def _adapter(self, found: OriginalFile) -> FileFate:
        target = self._target(found, HOME / "adapters", "")
        return self._done(found, bring_adapter(found.path, target), target)

    def _responses(self, found: OriginalFile) -> FileFate:
        if INDEX.search(found.inside.as_posix()):
            return FileFate(found.name, "left", "the pickled half of a vector index; the stage `index` makes one")
        responses = import_pickled_responses(found.path)
        target = self._target(found, HOME / "responses", ".jsonl")
        lines = (json_line({"id": str(number), "response": one}) for number, one in enumerate(responses))
        _write_lines(target, lines)
        return self._done(found, f"{len(responses):,} answers, numbered from 0", target)

    def _corrections(self, found: OriginalFile) -> FileFate:
        api, target = self._of(found), self.root / PLACE
        imported = import_corrections(found.path, api, target)
        already = sum(line.endswith("kept already") for line in imported.left_out)
        faults = [line for line in imported.left_out if not line.endswith("kept already")]
        what = f"{len(imported.kept)} corrections of {api.title} kept, {already} kept before, {_counted(faults, 'row')}"
        asked = f"; {imported.only_asked} questions without a correction teach nothing" if imported.only_asked else ""
        return self._done(found, what + asked, target)

    def _table(self, found: OriginalFile) -> FileFate:
        kind = table_kind(columns_of(found.path))
        ways: dict[str, Callable[[OriginalFile], FileFate]] = {
            "log": self._log,
            "queries": self._queries,
            "pairs": self._pairs,
            "descriptions": self._described,
        }
        if kind is None:
            return FileFate(found.name, "left", "a table without a log's, a pair's or a description's columns")
        return ways[kind](found)

    def _log(self, found: OriginalFile) -> FileFate:
        api = self._of(found)
        target = self._target(found, LOGS / api.name, ".csv")
        with open_plainly(found.path) as source, atomic_bytes(target) as out:
            shutil.copyfileobj(source, out)
        return self._done(found, f"a log of {api.title}: `dvc exp run -S filter.logs={LOGS}`", target)

    def _queries(self, found: OriginalFile) -> FileFate:
        api = self._of(found)
        target = self._target(found, HOME / "queries" / api.name, ".txt")
        count = _write_lines(target, filter(None, read_paths(found.path)))
        return self._done(found, f"{count:,} queries: `qa filter --api {api.name}` reads them", target)

    def _pairs(self, found: OriginalFile) -> FileFate:
        api, faults = self._of(found), list[str]()
        is_test = "test" in re.split(r"[^a-z]+", found.inside.as_posix().lower())
        target = self._target(found, HOME / ("references" if is_test else "pairs") / api.name, ".jsonl")
        lines = list[str]()
        seen = set[str]()
        for number, (instruction, query) in enumerate(read_pairs(found.path)):
            line = _pair(instruction, query, api, f"row {number + 1}")
            if isinstance(line, str):
                faults.append(line)
            elif is_test:
                lines.append(json_line({"id": str(number), "api": api.name, **line.model_dump(exclude_none=True)}))
            elif line.instruction.casefold() in seen:
                faults.append(f"row {number + 1}: {instruction[:60]!r} stands there twice")
            else:
                seen.add(line.instruction.casefold())
                lines.append(dump(line))
        _write_lines(target, lines)
        use = "what `qa score` compares answers with" if is_test else f"lines for data/apis/{api.name}/written.jsonl"
        return self._done(found, f"{len(lines):,} pairs, {use}; {_counted(faults, 'row')}", target)

    def _described(self, found: OriginalFile) -> FileFate:
        rows = read_table(found.path)
        return self._descriptions(found, {row["field"].strip(): row["description"] for row in rows})

    def _json(self, found: OriginalFile) -> FileFate:
        document = _json_object(found.path)
        texts = {name: _described_as(value) for name, value in document.items()}
        described = {name: text for name, text in texts.items() if text}
        if len(described) > len(document) / 2:
            return self._descriptions(found, described)
        if document and all(isinstance(value, dict) and "type" in value for value in document.values()):
            return self._schema(found, document)
        return FileFate(found.name, "left", "JSON of another shape than fields or their descriptions")

    def _schema(self, found: OriginalFile, document: dict[str, Any]) -> FileFate:
        api = self._of(found)
        strange = [name for name in document if name not in api.schema.fields]
        what = f"{len(document):,} fields of {api.title}, known here"
        if strange:
            what += f", {len(strange)} of them not in data/apis/{api.name}/fields.csv ({', '.join(strange[:3])}...)"
        return FileFate(found.name, "left", what)

    def _descriptions(self, found: OriginalFile, texts: dict[str, str]) -> FileFate:
        api = self._of(found)
        target = self._target(found, HOME / "descriptions" / api.name, ".jsonl")
        known = {name: " ".join(text.split()) for name, text in texts.items() if name in api.schema.fields}
        lines = (dump(_description(api.schema.fields[name], text)) for name, text in sorted(known.items()) if text)
        count, left = _write_lines(target, lines), len(texts) - len(known)
        return self._done(found, f"{count:,} fields of {api.title} described, {left} it does not have left out", target)


def _described_as(value: object) -> str:
    """A description as either of the prototype's two files holds it, empty where it is none."""
    text = value.get("description") if isinstance(value, dict) else value
    return text if isinstance(text, str) else ""


def _description(field: Field, text: str) -> FieldDescription:
    return FieldDescription(
        field=field.name,
        type=field.type,
        description=text,
        source=SOURCE,
        indexed=field.indexed,
        searched_by_default=field.searched_by_default,
        leaf=field.leaf,
    )


def _pair(instruction: str, query: str, api: Api, place: str) -> WrittenPair | str:
    """The pair of a row, or why there is none."""
    if not instruction or not query:
        return f"{place}: no instruction or no query"
    try:
        read = from_text(query)
        line = WrittenPair(instruction=" ".join(instruction.split()), query=read.query, body=read.body)
        pair_of(line, api, place)
    except (QueryAssistantError, ValueError) as error:
        return str(error)
    return line


def _counted(faults: list[str], noun: str) -> str:
    shown = [fault[:200] for fault in faults[:SHOWN_FAULTS]] + ["..."] * (len(faults) > SHOWN_FAULTS)
    return f"{len(faults)} {noun}s left out" + (f" ({'; '.join(shown)})" if faults else "")


def _write_lines(target: Path, lines: Iterable[str]) -> int:
    count = 0
    with atomic_writer(target) as out:
        for line in lines:
            out.write(line + "\n")
            count += 1
    return count


def _is_database(path: Path) -> bool:
    with open_plainly(path) as file:
        return file.read(len(MAGIC)) == MAGIC


def _json_object(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(read_text(path, MOST_JSON_BYTES))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path.name} is no JSON: {error}") from None
    return document if isinstance(document, dict) else {}
