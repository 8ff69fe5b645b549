"""A folder in the prototype's shapes comes over whole, once; what could do harm is refused, and ends nothing else."""

from __future__ import annotations

import csv
import io
import json
import os
import pickle
import sqlite3
import tarfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from query_assistant.apis import load_api
from query_assistant.cli import run
from query_assistant.corrections.store import PLACE, Corrections
from query_assistant.errors import InputError
from query_assistant.pairs.written import written_pairs
from query_assistant.project import project_root
from query_assistant.prototype.importing import import_original
from query_assistant.prototype.report import FileFate, ImportReport
from query_assistant.records import FieldDescription, read_jsonl
from query_assistant.scoring import read_predictions, read_references

TEST_PAIRS = [
    ("Find the gene with the symbol CDK2.", "/v3/query?q=symbol:CDK2"),
    ("broken", "/v3/query?q=symbol:("),
    ("Mouse genes about collagen", "/v3/query/?q=collagen&species=mouse"),
]
ANSWERS = ["/v3/query?q=symbol:cdk2", "", "/v3/query?q=collagen&species=mouse"]


class Evil:
    def __reduce__(self) -> Any:
        return os.system, ("touch harmed",)


def table(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([columns, *rows])


def database(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as made, made:
        made.execute(
            "CREATE TABLE user_interactions (id INTEGER PRIMARY KEY, user_input TEXT, llm_response TEXT, "
            "user_correction TEXT)"
        )
        made.execute("CREATE TABLE queries (id INTEGER PRIMARY KEY, query TEXT, response TEXT)")
        row = ("go terms of cdk2", "/v3/query?q=cdk2", "/v3/query?q=symbol:CDK2&fields=go")
        made.execute("INSERT INTO user_interactions (user_input, llm_response, user_correction) VALUES (?, ?, ?)", row)


def adapter(folder: Path, save: Callable[[Any, Path], None], name: str) -> None:
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    stem = "base_model.model.model.layers.0.self_attn.q_proj"
    matrices = {f"{stem}.lora_A.weight": torch.ones(8, 16), f"{stem}.lora_B.weight": torch.zeros(16, 8)}
    save(matrices, folder / name)
    config = {"r": 8, "lora_alpha": 16, "peft_type": "LORA", "base_model_name_or_path": "meta-llama/Llama-3.1-8B"}
    (folder / "adapter_config.json").write_text(json.dumps(config))


def pack(folder: Path, archive: Path) -> None:
    with tarfile.open(archive, "w:gz") as out:
        out.add(folder, folder.name)


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """data, models and server as the prototype shared them, the answers beside them."""
    import torch
    from safetensors.torch import save_file

    made, folder = tmp_path / "made", tmp_path / "original"
    folder.mkdir()
    data = made / "data"
    table(data / "logs/mychem_log_paths.csv", ["log.path"], [["/v1/query?q=aspirin"], ["/v1/chem/DB00001"]])
    table(data / "logs/mychem_hits.csv", ["query", "hits"], [["/v1/query?q=aspirin", 7], ["/v1/query?q=a\nb", 1]])
    columns = ["query", "imperative", "question"]
    written = ["/v3/query?q=symbol:CDK4", "Find the gene CDK4", "Which gene is CDK4?"]
    table(data / "ft/mygene_inst_query_pairs.csv", columns, [written, written])
    table(data / "ft/test.csv", ["output", "instruction"], [(query, said) for said, query in TEST_PAIRS])
    table(data / "schema/mydisease_field_desc.csv", ["field", "description"], [["mondo", "Mondo"], ["nowhere", "x"]])
    (data / "schema/mygene_fields.json").write_text('{"symbol": {"type": "keyword"}, "new": {"type": "text"}}')
    (data / "rag").mkdir()
    (data / "rag/faiss_index.pkl").write_bytes(pickle.dumps(Evil()))
    pack(data, folder / "data.tar.gz")
    models = made / "models"
    adapter(models / "ft/qlora/adapter", torch.save, "adapter_model.bin")
    adapter(models / "ft/lora/adapter", save_file, "adapter_model.safetensors")
    pack(models, folder / "models.tgz")
    database(folder / "server/responses.db")
    (folder / "responses_rag_icl.pkl").write_bytes(pickle.dumps(ANSWERS))
    (folder / "descriptions.json").write_text('{"symbol": "official  symbol", "nowhere": "x"}')
    (folder / "evaluate.ipynb").write_text("{}")
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout to bring it into."""
    (tmp_path / "root/data").mkdir(parents=True)
    return tmp_path / "root"


def brought(original: Path, root: Path) -> ImportReport:
    return import_original(original, root, load_api("mygene"))


def of(report: ImportReport, name: str) -> FileFate:
    return next(entry for entry in report.entries if entry.name == name)


def contents(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_everything_that_can_be_used_is_brought_in_this_repository_s_forms(original: Path, root: Path) -> None:
    report = brought(original, root)
    assert report.is_whole
    assert sorted(entry.name for entry in report.entries if entry.fate == "left") == [
        "data.tar.gz!data/rag/faiss_index.pkl",
        "data.tar.gz!data/schema/mygene_fields.json",
        "evaluate.ipynb",
        "models.tgz!models/ft/lora/adapter/adapter_config.json",
        "models.tgz!models/ft/qlora/adapter/adapter_config.json",
    ]
    home = root / "data/original"
    assert (root / "data/logs/mychem/data-logs-mychem-log-paths.csv").read_text().split() == [
        "log.path",
        "/v1/query?q=aspirin",
        "/v1/chem/DB00001",
    ]
    assert (home / "queries/mychem/data-logs-mychem-hits.txt").read_text().splitlines() == [
        "/v1/query?q=aspirin",
        "/v1/query?q=a b",
    ]
    pairs = written_pairs(home / "pairs/mygene/data-ft-mygene-inst-query-pairs.jsonl", load_api("mygene"))
    assert [pair.instruction for pair in pairs] == ["Find the gene CDK4", "Which gene is CDK4?"]
    assert "2 rows left out" in of(report, "data.tar.gz!data/ft/mygene_inst_query_pairs.csv").what
    (described,) = read_jsonl(home / "descriptions/mygene/descriptions.jsonl", FieldDescription)
    assert (described.field, described.type, described.description) == ("symbol", "keyword", "official symbol")
    (disease,) = read_jsonl(home / "descriptions/mydisease/data-schema-mydisease-field-desc.jsonl", FieldDescription)
    assert disease.field == "mondo"
    with Corrections.open(root / PLACE) as kept:
        assert [one.instruction for one in kept.all()] == ["go terms of cdk2"]
    assert (
        "1 of them not in data/apis/mygene/fields.csv (new"
        in of(report, "data.tar.gz!data/schema/mygene_fields.json").what
    )
    assert not (root / ".cache/original").exists()


def test_its_answers_can_be_scored_against_its_test_pairs(original: Path, root: Path) -> None:
    brought(original, root)
    home = root / "data/original"
    answers = home / "responses/responses-rag-icl.jsonl"
    references = home / "references/mygene/data-ft-test.jsonl"
    assert [line.id for line in read_predictions(answers)] == ["0", "1", "2"]
    assert [(line.id, line.query) for line in read_references(references)] == [
        ("0", TEST_PAIRS[0][1]),
        ("2", TEST_PAIRS[2][1]),
    ]
    assert run(["score", str(answers), str(references)]) == 0


def test_both_kinds_of_adapter_load_as_safetensors(original: Path, root: Path) -> None:
    from safetensors.torch import load_file

    report = brought(original, root)
    for name in ("qlora", "lora"):
        folder = root / f"data/original/adapters/models-ft-{name}-adapter-adapter-model"
        assert {tuple(one.shape) for one in load_file(folder / "adapter_model.safetensors").values()} == {
            (8, 16),
            (16, 8),
        }
        assert json.loads((folder / "adapter_config.json").read_text())["r"] == 8
    assert of(report, "models.tgz!models/ft/qlora/adapter/adapter_model.bin").what == (
        "a LoRA adapter of rank 8 for meta-llama/Llama-3.1-8B"
    )


def test_a_second_import_changes_nothing(original: Path, root: Path) -> None:
    first = brought(original, root)
    before, folder = contents(root), contents(original)
    second = brought(original, root)
    after = contents(root)
    assert {name for name in before if "sqlite" not in name and before[name] != after[name]} == set()
    assert before.keys() == after.keys()
    assert contents(original) == folder
    assert "0 corrections of MyGene.info kept, 1 kept before" in of(second, "server/responses.db").what
    assert [entry.fate for entry in first.entries] == [entry.fate for entry in second.entries]


def test_what_could_do_harm_is_refused_and_ends_nothing_else(
    original: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.chdir(root)
    (original / "responses_evil.pkl").write_bytes(pickle.dumps([Evil()]))
    evil = original / "models/evil"
    adapter(evil, lambda _, path: torch.save({"x.lora_A.weight": Evil()}, path), "adapter_model.bin")
    with tarfile.open(original / "hostile.tar.gz", "w:gz") as out:
        member = tarfile.TarInfo("../../outside.txt")
        out.addfile(member, io.BytesIO())
    (original / "cut.tar.gz").write_bytes((original / "data.tar.gz").read_bytes()[:500])
    (original / "link.csv").symlink_to("/etc/passwd")
    (original / "torn.json").write_text("{")
    table(original / "huge.csv", ["log.path", "x"], [["a", "b" * 200_000]])
    report = brought(original, root)
    assert sorted(entry.name for entry in report.entries if entry.fate == "refused") == [
        "cut.tar.gz",
        "hostile.tar.gz",
        "models/evil/adapter_model.bin",
        "responses_evil.pkl",
        "torn.json",
    ]
    assert "leads outside the folder" in of(report, "hostile.tar.gz").what
    assert "system" in of(report, "responses_evil.pkl").what
    assert of(report, "huge.csv").fate == "brought"  # a log is copied as it is, and `filter` has bounds of its own
    assert "link.csv" not in {entry.name for entry in report.entries}
    assert of(report, "server/responses.db").fate == "brought"
    assert not list(root.rglob("harmed")) and not (original.parent / "outside.txt").exists()
    assert not (root / "data/original/adapters/models-evil-adapter-model").exists()


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (None, "no adapter_config.json beside"),
        ("[", "is no JSON"),
        ('{"r": "8"}', "names no rank"),
        ('{"r": 4}', "rank [8], adapter_config.json says 4"),
    ],
)
def test_an_adapter_without_its_own_configuration_is_refused(
    tmp_path: Path, root: Path, config: str | None, reason: str
) -> None:
    from safetensors.torch import save_file

    folder = tmp_path / "adapter"
    adapter(folder, save_file, "adapter_model.safetensors")
    (folder / "adapter_config.json").unlink()
    if config is not None:
        (folder / "adapter_config.json").write_text(config)
    refused = [entry for entry in brought(folder, root).entries if entry.fate == "refused"]
    assert len(refused) == 1 and reason in refused[0].what


def test_a_file_and_its_copy_in_a_tarball_are_not_written_over_each_other(original: Path, root: Path) -> None:
    table(original / "data/ft/test.csv", ["output", "instruction"], [("/v3/query?q=other", "another one")])
    refused = [entry for entry in brought(original, root).entries if entry.fate == "refused"]
    assert [entry.name for entry in refused] == ["data.tar.gz!data/ft/test.csv"]
    assert "has the same path as data/ft/test.csv" in refused[0].what


def test_a_tarball_beside_what_was_unpacked_of_it_is_no_fault(original: Path, root: Path) -> None:
    with tarfile.open(original / "data.tar.gz") as archive:
        archive.extractall(original, filter="data")
    report = brought(original, root)
    assert report.is_whole
    assert of(report, "data.tar.gz!data/ft/test.csv").what == "the same file as data/ft/test.csv"


def test_the_command_tells_people_and_programs(
    original: Path, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "data/apis").symlink_to(project_root() / "data/apis")
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(root))
    command = ["import-original", "--api", "mygene", str(original)]
    assert run(command) == 0
    told = capsys.readouterr().out
    assert "brought over: responses_rag_icl.pkl: 3 answers, numbered from 0" in told
    assert told.splitlines()[-1] == "10 brought over, 0 refused or damaged, 5 left where it is"
    (original / "responses_evil.pkl").write_bytes(pickle.dumps([Evil()]))
    assert run([*command, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["counts"] == {"brought": 10, "left": 5, "refused": 1}


def test_no_folder_is_one_clear_error(root: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder; expected the one that holds the prototype's files"):
        brought(tmp_path / "nowhere", root)
