"""What the README says exists, and its table is the committed report."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from committed import committed
from query_assistant.cli import COMMANDS
from query_assistant.reporting.report import TABLES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.M)) <= targets


def test_every_qa_command_of_the_readme_exists() -> None:
    assert set(re.findall(r"(?:^|`)qa ([a-z-]+)", README, re.M)) <= set(COMMANDS)


def test_the_first_command_stands_within_forty_lines() -> None:
    assert README[: README.index("make repro")].count("\n") < 40


@pytest.mark.parametrize("name", TABLES)
def test_the_readme_shows_the_committed_tables(name: str) -> None:
    shown = README.split(f"<!-- {name}:begin -->\n")[1].split(f"<!-- {name}:end -->")[0]
    assert shown == committed(str(TABLES[name])), "run `make readme`, commit it together with metrics/"


def test_every_runtime_dependency_says_why_it_is_here() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    required = re.findall(r'^  "([a-z0-9-]+)[><=]', text.split("dependencies = [")[1].split("]")[0], re.M)
    table = re.findall(r"^\| ([^|]+) \|", (ROOT / "docs/dependencies.md").read_text(encoding="utf-8"), re.M)
    told = re.findall(r"[a-z0-9-]+", " ".join(table))
    assert [name for name in required if name not in told] == []
