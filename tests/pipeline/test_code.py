"""What counts as a change of a program: whatever can change its output, and nothing else."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from query_assistant.pipeline import code
from query_assistant.pipeline.code import code_fingerprint
from query_assistant.pipeline.source import Package

ROOT = Path(__file__).parents[2]
FILES = {
    "stages/some.py": """
        from house.door import Table
        from house import room
        from house.lazy import late

        def main():
            return Table(room.SIZE), late()
    """,
    "src/house/__init__.py": "",
    "src/house/door/__init__.py": "from house.door.tables import Table",
    "src/house/door/tables.py": '''
        """Tables."""
        from dataclasses import dataclass
        import house.hooks
        from house.legs import leg

        @dataclass
        class Table:
            legs: int = 4

            def stand(self, how: str = "well") -> str:
                """Stands."""
                height: int = leg(self.legs)  # a remark
                return f"{how} {height}"

        def unused() -> None: ...
    ''',
    "src/house/legs.py": """
        LONG = 70

        def leg(count: int) -> int:
            return LONG if count else 0

        def other_leg() -> int:
            return 1
    """,
    "src/house/room.py": """
        SIZE, COLOUR = 3, "red"
        DOORS = 1
    """,
    "src/house/hooks.py": """
        LIST = []
        LIST.append(1)
    """,
    "src/house/lazy.py": """
        def late():
            from house.heavy import weigh
            from house import light
            words = read_words("words")
            start("house.worker")
            return weigh(), light.lift(), words

        def read_words(name):
            return (Path(__file__).parent / "texts" / f"{name}.yaml").read_text()
    """,
    "src/house/heavy.py": "def weigh(): return 1",
    "src/house/light.py": "def lift(): return 1\ndef drop(): return 2",
    "src/house/worker.py": """
        def main():
            return 1

        if __name__ == "__main__":
            main()
    """,
    "src/house/texts/words.yaml": "a: 1",
    "src/house/registry.py": "",
}


def write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(content), encoding="utf-8")


def meaning(root: Path) -> dict[str, str]:
    return code_fingerprint(root / "stages/some.py", Package(root / "src"))


def changed(root: Path, file: str, old: str, new: str) -> bool:
    """Whether replacing a text in a file changes what the program means."""
    before, path = meaning(root), root / file
    assert old in path.read_text(encoding="utf-8")
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    return meaning(root) != before


@pytest.fixture
def house(tmp_path: Path) -> Path:
    write(tmp_path, FILES)
    return tmp_path


def test_it_lists_what_the_script_reaches_and_nothing_else(house: Path) -> None:
    assert list(meaning(house)) == [
        "house.door.tables:Table",
        "house.heavy:weigh",
        "house.hooks",
        "house.hooks:LIST",
        "house.lazy:late",
        "house.lazy:read_words",
        "house.legs:LONG",
        "house.legs:leg",
        "house.light:lift",
        "house.room:SIZE",
        "house.worker:main",
        "house/texts/words.yaml",
        "stages/some.py",
    ]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("src/house/door/tables.py", "# a remark", "# another"),
        ("src/house/door/tables.py", '"""Tables."""', '"""Furniture."""'),
        ("src/house/door/tables.py", '"""Stands."""', ""),
        ("src/house/door/tables.py", "how: str", "how: object"),
        ("src/house/door/tables.py", ") -> str:", "):"),
        ("src/house/door/tables.py", "height: int =", "height ="),
        ("src/house/door/tables.py", "def unused() -> None: ...", "def unused() -> None: print(1)"),
        (
            "src/house/door/tables.py",
            "from dataclasses import dataclass\n",
            "import json\nfrom dataclasses import dataclass\n",
        ),
        ("src/house/legs.py", "return 1", "return 2"),
        ("src/house/room.py", "DOORS = 1", "DOORS = 2\nWINDOWS = 4"),
        ("src/house/legs.py", "LONG if count else 0", "(LONG   if count\n            else 0)"),
        ("src/house/light.py", "return 2", "return 3"),
        ("src/house/registry.py", "", "SIZE = 4"),
        ("stages/some.py", "def main():", "# said again\n\ndef main():"),
    ],
)
def test_what_cannot_change_an_output_is_no_change(house: Path, file: str, old: str, new: str) -> None:
    assert not changed(house, file, old, new)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("stages/some.py", "late()", "late"),
        ("src/house/door/tables.py", "legs: int = 4", "legs: int = 3"),
        ("src/house/door/tables.py", "legs: int = 4", "legs: float = 4"),  # dataclasses and pydantic read these
        ("src/house/door/tables.py", '"well"', '"badly"'),
        ("src/house/door/tables.py", "@dataclass\n", "@dataclass(frozen=True)\n"),
        ("src/house/legs.py", "LONG = 70", "LONG = 71"),
        ("src/house/legs.py", "if count else 0", "if count else 1"),
        ("src/house/room.py", "SIZE, COLOUR = 3,", "SIZE, COLOUR = 4,"),
        ("src/house/hooks.py", "append(1)", "append(2)"),  # runs when imported, and is imported on the way
        ("src/house/heavy.py", "return 1", "return 2"),
        ("src/house/light.py", "return 1", "return 2"),
        ("src/house/worker.py", "return 1", "return 2"),  # started by its name
        ("src/house/texts/words.yaml", "a: 1", "a: 2"),
        ("src/house/door/__init__.py", "from house.door.tables import Table", "from house.legs import leg as Table"),
        ("src/house/legs.py", "def leg(", "@register\ndef leg("),
    ],
)
def test_what_can_change_an_output_is_a_change(house: Path, file: str, old: str, new: str) -> None:
    assert changed(house, file, old, new)


def test_of_the_parameters_schema_only_defaults_count(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "stages/some.py": "from query_assistant.params import Params\nprint(Params().size)",
            "src/query_assistant/params.py": "class Params:\n    size: Positive = 3\n    name: str\n",
        },
    )
    assert not changed(tmp_path, "src/query_assistant/params.py", "name: str", "name: str\n    other: int")
    assert changed(tmp_path, "src/query_assistant/params.py", "= 3", "= 4")


def test_a_decorated_definition_counts_whoever_imports_its_module(house: Path) -> None:
    path = house / "src/house/legs.py"
    path.write_text(path.read_text(encoding="utf-8") + "\n@register\ndef plugged():\n    return 1\n", encoding="utf-8")
    assert changed(house, "src/house/legs.py", "def plugged():\n    return 1", "def plugged():\n    return 2")


def test_files_of_other_packages_below_are_not_its_data(house: Path) -> None:
    write(house, {"src/house/kept/__init__.py": "", "src/house/kept/far.yaml": "a: 1"})
    assert not changed(house, "src/house/kept/far.yaml", "a: 1", "a: 2")


def test_what_only_looks_on_is_no_part_of_what_a_stage_means(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "WATCHER", "house.worker")
    assert not changed(house, "src/house/worker.py", "return 1", "return 2")


def test_training_means_nothing_of_mlflow() -> None:
    """Else a word in a run's note would have everybody train anew."""
    reached = code_fingerprint(ROOT / "stages/finetune.py", Package(ROOT / "src"))
    assert "query_assistant.pipeline.watching:watched" in reached
    assert [name for name in reached if "reporting" in name or "live_training" in name] == []
