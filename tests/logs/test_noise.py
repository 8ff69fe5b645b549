from __future__ import annotations

from query_assistant.logs.counting import SAME_SHAPE
from query_assistant.logs.noise import IGNORED_PARAMETERS, Familiar, Routes, classification, conditions
from query_assistant.project import project_root

ROUTES = Routes("/v3", ("gene",))


def test_every_kind_of_noise_is_documented():
    text = (project_root() / "docs" / "logs.md").read_text(encoding="utf-8")
    kinds = [*conditions(ROUTES, Familiar()), "keystroke", SAME_SHAPE]
    assert [kind for kind in kinds if f"`{kind}`" not in text and f".{kind}`" not in text] == []


def test_quotes_in_familiar_values_stay_values():
    assert "IN ('it''s')" in classification(ROUTES, Familiar(monitors=("it's",)))


def test_no_parameter_that_a_server_reads_is_cut():
    from query_assistant.apis import api_names, load_api

    read = {name for api in map(load_api, api_names()) for parameter in api.parameters for name in parameter.names}
    assert read & set(IGNORED_PARAMETERS) == set()
