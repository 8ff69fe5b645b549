from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from query_assistant.apis import load_api
from query_assistant.errors import RequestError
from query_assistant.logs import understanding
from query_assistant.logs.understanding import (
    LONGEST_REQUEST,
    Candidate,
    Fallen,
    LoggedRequest,
    understand_all,
    understand_one,
)


@pytest.fixture(scope="module")
def api():
    return load_api("mygene")


def understood(path: str, api, method: str = "GET") -> Candidate | Fallen:
    return understand_one(LoggedRequest(method, path, 1), api)


@pytest.mark.parametrize(
    ("path", "texts"),
    [
        ("/v3/query?q=symbol:CDK2 AND name:%22insulin receptor%22", {"cdk2", "insulin receptor"}),
        ("/v3/query?q=symbol:CDK2&size=5", {"cdk2", "5"}),
        ("/v3/query?q=taxid:>9000", {"9000"}),
        ("/v3/gene/1017", {"1017"}),
    ],
)
def test_literals_are_the_texts_themselves(api, path, texts):
    found = understood(path, api)
    assert isinstance(found, Candidate)
    assert {text.lower() for text in found.literals} == texts


def test_of_one_signature_the_telling_query_ranks_before_the_cryptic(api):
    from query_assistant.logs.choosing import most_telling

    paths = ["/v3/query?q=name:%22a b%22", "/v3/query?q=name:%22insulin receptor%22"]
    candidates, _ = understand_all([LoggedRequest("GET", path, 3) for path in paths], api)
    assert len({one.signature for one in candidates}) == 1
    assert candidates[next(most_telling(candidates))].text == '/v3/query?q=name:"insulin receptor"'


@pytest.mark.parametrize(
    "path",
    [
        "/v3/query?q=name:%22a b%22~" + "9" * 310,
        "/v3/query?q=chr1:" + "9" * 2_000 + "-2",
        "/v3/query?q=taxid:" + "1" * 2_000,
        "/v3/gene/" + "1" * 2_000,
        "/v3/query?q=" + "(" * 2_000,
        "/v3/query?q=" + "%5B" * 600,
    ],
)
def test_no_request_however_odd_ends_a_run(api, path):
    found = understood(path, api)
    assert isinstance(found, Candidate | Fallen)


def test_a_fault_of_the_readers_own_has_a_name_in_the_report(api, monkeypatch):
    def faulty(*_: object, **__: object) -> None:
        raise OverflowError("too big")

    monkeypatch.setattr(understanding, "canonicalize", faulty)
    assert understood("/v3/query?q=a", api) == Fallen("unreadable", "OverflowError", "/v3/query?q=a", 1)


def test_what_is_longer_than_anybody_learns_from_is_not_looked_at(api, monkeypatch):
    def never(*_: object, **__: object) -> None:
        raise RequestError("looked at")

    path = "/v3/query?q=" + "a" * LONGEST_REQUEST
    monkeypatch.setattr(understanding, "parse_http", never)
    assert understood(path, api) == Fallen("unreadable", "too_long", path, 1)


@pytest.mark.parametrize("parameter", ["sort", "facets"])
@pytest.mark.parametrize("value", ["_id", "taxid,_id"])
def test_sorting_and_counting_by_identifier_fall(api, parameter, value):
    if not isinstance(understood(f"/v3/query?q=cdk2&{parameter}={value}", api), Fallen):
        pytest.xfail("validation does not know it yet")


LINES = [LoggedRequest("GET", f"/v3/query?q=symbol:(G{n}&size={n % 1200}", 1) for n in range(300)]
LINES += [LoggedRequest("GET", f"/v3/query?q=symbol:G{n}&size={n % 1200}", 1) for n in range(300)]


@pytest.fixture
def soon_shared(monkeypatch):
    monkeypatch.setattr(understanding, "WORTH_A_SECOND_PROCESS", 100)


@pytest.mark.parametrize("processes", [2, 3])
def test_several_processes_understand_the_same_as_one(api, soon_shared, processes):
    assert understand_all(LINES, api, processes=processes) == understand_all(LINES, api, processes=1)


def test_the_work_of_a_helper_that_dies_is_done_all_the_same(api, soon_shared, monkeypatch):
    expected = understand_all(LINES, api, processes=1)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert understand_all(LINES, api, processes=2) == expected


SCRIPT = """
from query_assistant.apis import load_api
from query_assistant.logs import understanding
from query_assistant.logs.understanding import LoggedRequest, understand_all
understanding.WORTH_A_SECOND_PROCESS = 100
lines = [LoggedRequest("GET", f"/v3/query?q=symbol:(G{n}", 1) for n in range(300)]
print(len(understand_all(lines, load_api("mygene"), processes=2)[1]))
"""


def test_a_script_without_file_or_guard_may_filter():
    done = subprocess.run([sys.executable, "-"], input=SCRIPT, check=False, capture_output=True, text=True, env=here())
    assert (done.stdout, done.stderr) == ("300\n", "")


PARENT = """
import os, signal, subprocess
from query_assistant.apis import load_api
from query_assistant.logs.understanding import LoggedRequest, _Helper
subprocess.DEVNULL = None  # so that the helper holds this pipe's end as long as it lives
_Helper([LoggedRequest("GET", "/v3/query?q=symbol:CDK2", 1)] * 2_000, load_api("mygene"))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_helper_ends_when_its_parent_is_killed_alone():
    # It returns when nobody holds the pipe any more: the helper has met a closed pipe of its own.
    done = subprocess.run([sys.executable, "-c", PARENT], check=False, stderr=subprocess.PIPE, text=True, env=here())
    assert done.returncode == -signal.SIGKILL
    assert "BrokenPipeError" in done.stderr


def here() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
