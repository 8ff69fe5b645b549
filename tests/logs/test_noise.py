from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from query_assistant.apis import api_names, load_api
from query_assistant.errors import ConfigurationError
from query_assistant.logs.counting import SAME_SHAPE, Counted, count
from query_assistant.logs.noise import Familiar, Routes, first_of, load_noise, told_by_address, told_by_content
from query_assistant.logs.reading import open_log
from query_assistant.project import project_root

ROUTES = Routes("/v3", ("gene",))
FILE = "data/apis/familiar.yaml"
AGENT = '192.0.2.1 - - [04/Mar/2025:10:00:01 +0000] "GET /v3/gene/5 HTTP/1.1" 200 5 "-" "Harvester/1"'


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The family's file in a checkout of its own."""
    file = tmp_path / FILE
    file.parent.mkdir(parents=True)
    shutil.copy(project_root() / FILE, file)
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(tmp_path))
    return file


def counted(folder: Path, *lines: str) -> Counted:
    log = folder / "access.log"
    log.write_text("\n".join(lines) + "\n")
    return count([open_log(log, "combined" if lines[0].startswith("192") else "paths")], ROUTES, Familiar())


def test_every_kind_of_noise_is_documented():
    text = (project_root() / "docs" / "logs.md").read_text(encoding="utf-8")
    kinds = [*told_by_address(ROUTES), *told_by_content(ROUTES, Familiar()), "personal", "keystroke", SAME_SHAPE]
    assert [kind for kind in kinds if f"`{kind}`" not in text and f".{kind}`" not in text] == []


def test_quotes_in_familiar_values_stay_values():
    assert "IN ('it''s')" in first_of(told_by_content(ROUTES, Familiar(monitors=("it's",))))


def test_no_parameter_that_a_server_reads_is_cut():
    read = {name for api in map(load_api, api_names()) for parameter in api.parameters for name in parameter.names}
    assert read & set(load_noise().ignored) == set()


@pytest.mark.parametrize(
    ("key", "line", "log", "kind"),
    [
        ("ignored", "session", "/v3/query?q=x&session=1", None),
        ("crawlers", "harvester", AGENT, "crawler"),
        ("pages", "^/news/", "/news/2025", "page"),
        ("alone", "group", "/v3/query?group=x", None),
    ],
)
def test_one_line_of_data_tells_more_noise(data: Path, key: str, line: str, log: str, kind: str | None):
    before = counted(data.parent, log)
    text = data.read_text()
    told = text.replace(f"{key}: [", f"{key}: [{line}, ").replace(f"\n{key}:\n", f"\n{key}:\n  - {line}\n")
    assert told != text
    other = data.parents[1] / "other" / "data" / "apis"  # what is read is read once, so another checkout
    other.mkdir(parents=True)
    (other / data.name).write_text(told)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUERY_ASSISTANT_ROOT", str(other.parents[1]))
        after = counted(data.parent, log)
    assert (before.requests, before.noise) != (after.requests, after.noise)
    assert list(after.noise) == ([kind] if kind else [])
    if key == "ignored":
        assert [request.path for request in after.requests] == ["/v3/query?q=x"]


def test_what_bodyless_posts_may_be_quoted_for_is_data(data: Path):
    data.write_text(data.read_text().replace("telling: [fields, ", "telling: [token, "))
    found = counted(data.parent, AGENT.replace("GET /v3/gene/5", "POST /v3/query?fields=symbol&token=7"))
    assert found.posts == {"token": {"7": 1}}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ignored: [callback", "ignored: ['a|b'", r"ignored: .*'a\|b' is no name of a parameter"),
        ("ignored:", "ignore:", "ignored: Field required"),
        ("  - crawl\n", "  - crawl(\n", r"crawlers: .*'crawl\(' is no regular expression"),
        ("  - ^/faq\n", "  - ^/(?!faq)\n", r"pages: .*'\^/\(\?!faq\)' is no regular expression of RE2"),
        ("  - ^/faq\n", "  - ''\n", "pages: .*an empty pattern fits everything; remove it"),
        ("pages:", "pages: [", "expected YAML"),
    ],
)
def test_what_the_file_may_not_say_is_one_clear_error(data: Path, old: str, new: str, message: str):
    text = data.read_text()
    assert old in text
    data.write_text(text.replace(old, new))
    with pytest.raises(ConfigurationError, match=f"^(cannot read )?{FILE}.*{message}"):
        load_noise()


def test_a_missing_file_is_one_clear_error(data: Path):
    data.unlink()
    with pytest.raises(ConfigurationError, match=f"cannot read {FILE}"):
        load_noise()
