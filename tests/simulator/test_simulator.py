from __future__ import annotations

import gzip
import inspect
import itertools
import re
from pathlib import Path
from random import Random
from urllib.parse import unquote, unquote_plus

import pytest
import yaml

import query_assistant.simulator as simulator
from query_assistant.apis import api_folder, api_names, load_api
from query_assistant.errors import ConfigurationError, InputError, RequestError
from query_assistant.logs.counting import count
from query_assistant.logs.formats import LINE_PATTERNS
from query_assistant.logs.noise import Familiar, Routes
from query_assistant.logs.reading import open_log
from query_assistant.queries.request import parse_http
from query_assistant.simulator import simulate, write
from query_assistant.simulator.phrasing import FieldedQuestion, plain_text
from query_assistant.simulator.spelling import Habit, encode, literal, mistype
from query_assistant.simulator.topics import RecordRows, load_topics
from query_assistant.simulator.visitors import Visit
from query_assistant.simulator.writing import written

GENES = [
    {
        "_id": str(1000 + number),
        "entrezgene": str(1000 + number),
        "symbol": f"GEN{number}",
        "name": f"insulin like growth factor {number} receptor",
        "alias": [f"IGF{number}", f"IGFR-{number}"],
        "taxid": 9606 if number % 3 else 10090,
        "type_of_gene": "protein-coding" if number % 4 else "ncRNA",
        "ensembl": {"gene": f"ENSG{number:011d}"},
        "refseq": {"rna": f"NM_{number:06d}.1"},
        "go": {"BP": [{"id": f"GO:{number:07d}", "term": f"regulation of growth {number % 7}"}]},
        "genomic_pos": {"chr": str(1 + number % 22), "start": 1000 * number + 1, "end": 1000 * number + 900},
    }
    for number in range(60)
]


@pytest.fixture(scope="module")
def api():
    return load_api("mygene")


@pytest.fixture(scope="module")
def paths(api):
    return list(simulate(api, GENES, 8_000, seed=3, format="paths"))[1:]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(api, tmp_path):
    one, two = tmp_path / "one.log.gz", tmp_path / "two.log.gz"
    write(one, simulate(api, GENES, 500, seed=1, format="combined"))
    write(two, simulate(api, GENES, 500, seed=1, format="combined"))
    assert one.read_bytes() == two.read_bytes()
    assert list(simulate(api, GENES, 50, seed=2)) != list(simulate(api, GENES, 50, seed=1))


def test_a_longer_log_begins_with_the_requests_of_a_shorter_one(api):
    short = list(simulate(api, GENES, 300, seed=1, format="paths"))
    assert list(simulate(api, GENES, 900, seed=1, format="paths"))[:301] == short


def test_lines_come_one_by_one(api):
    endless = simulate(api, GENES, 10**12, seed=1)
    assert len(list(itertools.islice(endless, 1000))) == 1000


@pytest.mark.parametrize("format", ["combined", "common", "tornado", "paths"])
def test_every_format_is_one_that_the_filter_takes_apart(api, format):
    notice, *lines = simulate(api, GENES, 400, seed=1, format=format)
    assert notice.startswith("# Simulated access log")
    assert len(lines) == 400
    for line in lines:
        found = re.search(LINE_PATTERNS[format], line)
        assert found is not None, line
        assert found["target"].startswith("/")


def test_the_extract_has_one_column_of_quoted_paths(api):
    header, *lines = simulate(api, GENES, 100, seed=1, format="csv")
    assert header == "log.path"
    assert all(line[:2] == '"/' and line[-1] == '"' for line in lines)


def test_clients_are_documentation_addresses_only(api):
    lines = list(simulate(api, GENES, 300, seed=1, format="combined"))[1:]
    assert all(re.match(r"(192\.0\.2|198\.51\.100|203\.0\.113)\.\d+ ", line) for line in lines)


def test_traffic_has_its_known_kinds(paths):
    def share(pattern: str) -> float:
        return sum(bool(re.search(pattern, path)) for path in paths) / len(paths)

    assert 0.15 < share("/metadata") < 0.3
    assert 0.03 < share("^/status") < 0.15
    assert 0.05 < share(r"^/v3/gene/[^?]+") < 0.3
    for rare in (
        "scroll_id=",
        "callback=jQuery",
        "email=",
        "%25",
        r"fetch_all=false&facet_size=10",
        r"\*&species=human",
    ):
        assert 0 < share(rare) < 0.1, rare


def test_questions_use_every_construct_of_the_language(paths):
    texts = [unquote_plus(found.group(1)) for path in paths if (found := re.search(r"[?&]q=([^&]*)", path))]
    constructs = {
        "fielded": r"^symbol:\w+$",
        "phrase": r'\w:"[^"]+ [^"]+"',
        "and": " AND ",
        "or": " OR ",
        "not": r"NOT |\s-\w",
        "wildcard": r"\w\*",
        "range": r":\[\S+ TO |:[<>]",
        "exists": "_exists_:",
        "list": r":\(\S+ OR ",
        "interval": r"chr\w+:\d+-\d+",
        "plain": r"^[A-Za-z0-9-]+$",
        "broken": r"^\(|AND$|\)$",
    }
    missing = [name for name, pattern in constructs.items() if not any(re.search(pattern, text) for text in texts)]
    assert missing == []


def test_parameters_vary_as_in_public_code(paths):
    queries = [path for path in paths if "/query?" in path and "scroll_id" not in path]
    for name in ("fields", "size", "species", "from", "sort", "facets", "dotfield", "fetch_all", "limit"):
        assert any(f"{name}=" in path for path in queries), name
    assert 0.35 < sum("fields=" in path for path in queries) / len(queries) < 0.9


def test_most_questions_are_valid_and_some_are_not(api, paths):
    questions = {path for path in paths if re.match(r"/v3/(query\?|gene/)", path)}
    refused = 0
    for path in questions:
        try:
            parse_http("GET", path, api)
        except RequestError:
            refused += 1
    assert 0 < refused < 0.1 * len(questions)


def test_variety_keeps_growing_with_length(api):
    def distinct(lines: int) -> int:
        return len({path for path in simulate(api, GENES, lines, seed=1, format="paths") if "q=" in path})

    assert distinct(4_000) > 1.8 * distinct(1_000)


def test_an_api_without_a_topics_file_gets_topics_from_its_schema(api, monkeypatch):
    values = RecordRows(GENES, api.schema)
    topics = load_topics("nobody", api.schema, values)
    assert set(topics.plain) == {"symbol", "name", "alias", "entrezgene", "ensembl.gene", "refseq.rna", "go.BP.id"}
    assert "go.BP.term" in topics.searches and "summary" not in topics.searches


@pytest.mark.parametrize("name", api_names())
def test_nothing_is_sorted_or_counted_by_identifier(name):
    schema = load_api(name).schema
    record = {"_id": "1"} | {field: "1" for field in ("name", "symbol") if field in schema}
    topics = load_topics(name, schema, RecordRows([record], schema))
    assert "_id" not in topics.facets
    assert "_id" not in {field.removeprefix("-") for sort in topics.sorts for field in sort.split(",")}


@pytest.mark.parametrize("asked", [{"sorts": ["symbol,-_id"]}, {"facets": ["_id"]}])
def test_topics_that_sort_or_count_by_identifier_are_refused(api, tmp_path, monkeypatch, asked):
    folder = tmp_path / "mygene"
    folder.mkdir()
    kept = yaml.safe_load((api_folder("mygene") / "topics.yaml").read_text())
    (folder / "topics.yaml").write_text(yaml.safe_dump(kept | asked))
    monkeypatch.setattr("query_assistant.simulator.topics.api_folder", lambda name: tmp_path / name)
    with pytest.raises(ConfigurationError, match="no server sorts by _id or counts it"):
        load_topics("mygene", api.schema, RecordRows(GENES, api.schema))


def test_a_web_servers_line_escapes_what_the_filter_undoes(tmp_path):
    paths = ['/v3/query?q=name:"a b"', r"/v3/query?q=symbol:Su\(H\)", r"/v3/query?q=a\\b", "/v3/gene/1"]
    hits = [Visit("GET", path) for path in paths]
    (tmp_path / "log").write_text("\n".join(written(hits, len(hits), "combined", Random(0))))
    found = count([open_log(tmp_path / "log")], Routes("/v3", ("gene",)), Familiar()).requests
    assert sorted(unquote(request.path) for request in found) == sorted(paths)


def test_unknown_formats_and_missing_records_are_refused(api):
    with pytest.raises(InputError, match="no log format 'xml'"):
        list(simulate(api, GENES, 5, format="xml"))
    with pytest.raises(InputError, match="no records of mygene"):
        list(simulate(api, [], 5))


def test_a_log_is_written_whole_or_not_at_all(tmp_path):
    def failing():
        yield "one"
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        write(tmp_path / "a.log.gz", failing())
    assert list(tmp_path.iterdir()) == []
    assert write(tmp_path / "b.log.gz", ["one", "two"]) == 2
    assert gzip.decompress((tmp_path / "b.log.gz").read_bytes()) == b"one\ntwo\n"


def test_the_simulator_reads_nothing_of_the_evaluation():
    folder = Path(inspect.getfile(simulator)).parent
    sources = [file.read_text() for file in folder.rglob("*.py")]
    assert not any("benchmark.jsonl" in source or "data/splits" in source for source in sources)


@pytest.mark.parametrize(
    ("value", "quoting", "expected"),
    [
        ("CDK2", "needed", "CDK2"),
        ("GO:1", "needed", '"GO:1"'),
        ('a "b"', "always", '"a \\"b\\""'),
        ("GO:1 x", "escape", "GO\\:1\\ x"),
        ("GO:1", "bare", "GO:1"),
    ],
)
def test_values_are_quoted_by_habit(value, quoting, expected):
    assert literal(value, Habit(quoting=quoting)) == expected


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("plus", "a%3A%22b+c%22%2B"),
        ("percent", "a%3A%22b%20c%22%2B"),
        ("browser", "a:%22b%20c%22%2B"),
        ("raw", 'a:"b+c"%2B'),
        ("double", "a%253A%2522b%2520c%2522%252B"),
    ],
)
def test_every_client_encodes_in_its_own_way(encoding, expected):
    assert encode('a:"b c"+', encoding) == expected


def test_clauses_take_their_values_from_a_row(api):
    values, habit, rng = RecordRows(GENES, api.schema), Habit(), Random(0)
    row = values.rows[5]

    def text(name: str, form: str, variant: int) -> str:
        return FieldedQuestion(name, name, form, variant).text(row, values, habit, rng)

    assert text("symbol", "value", 0) == "symbol:GEN5"
    assert text("go.BP.id", "value", 0) == 'go.BP.id:"GO:0000005"'
    assert text("name", "words", 1) == "name:(insulin like)"
    assert re.fullmatch(r"ensembl\.gene:ENS\w*\*", text("ensembl.gene", "prefix", 0))
    assert re.fullmatch(r"symbol:\(GEN5 OR GEN\d+( OR GEN\d+)*\)", text("symbol", "list", 2))
    low, high = re.fullmatch(r"taxid:\[(\d+) TO (\d+)\]", text("taxid", "range", 0)).groups()
    assert int(low) < 9606 < int(high)


def test_typed_words_come_from_the_value():
    rng = Random(0)
    name = "insulin like growth factor receptor"
    for _ in range(50):
        assert set(plain_text(name, rng).split()) <= set(name.split())


def test_a_slip_changes_a_long_word_and_spares_a_short_one():
    rng = Random(0)
    assert mistype("abc", rng) == "abc"
    slips = {mistype("insulin", rng) for _ in range(40)}
    assert all(abs(len(slip) - 7) <= 1 for slip in slips)
    assert len(slips - {"insulin"}) > 5
