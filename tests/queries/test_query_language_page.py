"""docs/query-language.md says what is true: its code runs, its codes and keys are all there."""

from __future__ import annotations

import re

from query_assistant.apis import ApiDefinition, Parameter
from query_assistant.project import project_root
from query_assistant.queries.issues import SEVERITIES

PAGE = (project_root() / "docs/query-language.md").read_text(encoding="utf-8")


def test_the_example_gives_what_its_comments_say() -> None:
    code = PAGE.split("```python\n")[1].split("```")[0]
    setup, _, lines = code.partition("understand(request, api)")
    scope: dict[str, object] = {}
    exec(setup, scope)
    for line in f"understand(request, api){lines}".strip().splitlines():
        expression, _, comment = line.partition("  # ")
        value = eval(expression, scope)
        expected = comment.removesuffix("; ...")
        if expected != "trees":
            assert expected in (value[0] if isinstance(value, list) else value)


def test_every_code_stands_in_the_table_with_its_severity() -> None:
    named = {
        code: severity
        for codes, severity in re.findall(r"^\| ((?:`\w+` ?)+) \| (error|no effect|warning) \|", PAGE, re.MULTILINE)
        for code in re.findall(r"`(\w+)`", codes)
    }
    assert named == {code: severity.replace("_", " ") for code, severity in SEVERITIES.items()}


def test_every_key_of_an_api_is_explained() -> None:
    of_api, of_parameter = PAGE.split("Keys of an API's file:")[1].split("| key of a parameter | says |")
    assert _keys(of_api) == set(ApiDefinition.model_fields)
    named = {field.alias or name for name, field in Parameter.model_fields.items()}
    assert _keys(of_parameter) == named - {"name", "about", "example"}


def _keys(table: str) -> set[str]:
    rows = re.findall(r"^\| ((?:`\w+` ?)+) \|", table, re.MULTILINE)
    return {key for row in rows for key in re.findall(r"`(\w+)`", row)}
