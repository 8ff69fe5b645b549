"""The grammars against the validator, and against the engines that obey them: xgrammar and llguidance."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_assistant.apis import api_names, load_api
from query_assistant.errors import ConfigurationError
from query_assistant.grammar import Format, grammar, rules_of, sample
from query_assistant.grammar.identifiers import of_pattern
from query_assistant.grammar.parameters import number_up_to
from query_assistant.grammar.rules import (
    Chars,
    Choice,
    Node,
    Ref,
    Repeat,
    Rules,
    Sequence,
    Terminal,
    choice,
    optional,
    repeat,
    run,
    seq,
    trie,
    words_except,
)
from query_assistant.grammar.sampling import sentences
from query_assistant.queries.request import parse, to_text
from query_assistant.queries.validation import validate

APIS = api_names()
SEED = 11

GOOD = {
    "mygene": [
        "/v3/query?q=cdk2",
        "/v3/query?q=symbol:CDK2 AND taxid:9606&fields=name,go.BP&size=5",
        "/v3/query?q=insulin receptor&species=human,mouse&entrezonly=true",
        '/v3/query?q=name:"cell cycle" AND NOT _exists_:pdb&species=9606&sort=-taxid,symbol',
        "/v3/query?q=chr1:151073054-151383976&species=human&facets=type_of_gene&facet_size=5",
        "/v3/query?q=go:0000307",
        "/v3/query?q=refseq:NM_001798",
        "/v3/query?q=(symbol:CDK2 OR alias:p33) AND taxid:(9606 OR 10090)",
        "/v3/query?q=MGI:MGI\\:88339",
        "/v3/query?q=pantherdb.FlyBas\\e:FBgn0004107",
        "/v3/gene/1017?fields=symbol",
        "/v3/gene/ENSG00000123374",
        'POST /v3/query {"q":["CDK2","BRCA1"],"scopes":["symbol"],"species":["human"]}',
        'POST /v3/gene {"ids":["1017","1018"],"fields":["symbol"]}',
    ],
    "myvariant": [
        "/v1/query?q=dbnsfp.polyphen2.hdiv.pred:(D OR P)",
        "/v1/query?q=chr1:69000-70000&fields=dbsnp.rsid",
        "/v1/query?q=chr1:69000-70000 AND cadd.phred:>=20",
        "/v1/query?q=cadd.phred:[10 TO 20} AND clinvar.gene.symbol:BRCA1&assembly=hg38",
        '/v1/query?q=_id:"chr1:g.218631822G>A"',
        "/v1/query?q=exac.af:<0.001 AND clinvar.rcv.last_evaluated:>=2019-01-01",
        "/v1/variant/chr1:g.35367G>A?fields=dbnsfp,cadd.phred",
        "/v1/variant/rs58991260",
        'POST /v1/query {"q":["rs58991260","rs12190874"],"scopes":["dbsnp.rsid"],"fields":["dbsnp.gene"]}',
    ],
    "mychem": [
        "/v1/query?q=aspirin&fields=chembl.pref_name&size=1",
        "/v1/query?q=chembl.molecule_properties.full_mwt:[300 TO 400]",
        "/v1/query?q=chebi.formulae:C9H8O4 AND NOT _exists_:drugbank.id",
        "/v1/chem/CHEMBL25",
        "/v1/chem/BSYNRYMUTXBXSQ-UHFFFAOYSA-N?fields=pubchem.cid",
        "/v1/query?q=chembl.therapeutic_flag:true",
    ],
    "mydisease": [
        '/v1/query?q=mondo.label:"breast cancer"~2',
        "/v1/query?q=mondo.synonym.exact:cystic*&ignore_obsolete=false",
        "/v1/disease/MONDO:0016575",
        "/v1/query?fields=mondo.label&fetch_all=true",
        "/v1/query?q=hpo.phenotype_related_to_disease.numeric_freq:>0.5",
    ],
}

BAD = {
    "mygene": [
        "/v3/query?q=symbl:CDK2",  # no such field
        "/v3/query?q=taxid:human",  # a word in a number's place
        "/v3/query?q=ensembl:ENSG00000123374",  # an object
        "/v3/query?q=generif.text:cancer",  # stored, not indexed
        "/v3/query?q=genomic_pos.chr:1",  # nested: intervals only
        "/v3/query?q=pantherdb.FlyBase:FBgn0004107",  # the server would replace the name
        '/v3/query?q=go.BP.id:"GO:0008150"',  # the server would replace the value
        "/v3/query?q=go:GO:0000307",
        "/v3/query?q=symbol:CDK2 AND taxid:9606 OR taxid:10090",  # no precedence
        "/v3/query?q=symbol:CDK2 OR NOT taxid:9606",
        "/v3/query?q=symbol:CDK2&species=rats",
        "/v3/query?q=symbol:CDK2&size=1001",
        "/v3/query?q=symbol:CDK2&sort=name",  # text cannot be sorted
        "/v3/query?q=symbol:CDK2&fields=symbl",
        "/v3/query?q=symbol:CDK2&scopes=symbol",
        "/v3/query?q=symbol:CDK2&size=5&fields=name",  # not the reading order
        "/v3/query?q=symbol:CDK2&size=5&size=6",
        "/v3/query?q=symbol:CDK2 AND",
        "/v3/query?q=(symbol:CDK2",
        "/v3/query?q=AND",
        "/v3/query?q=",
        "/v3/query",
        "/v3/gene/",
        "/v3/gene/insulin",
        "/v1/query?q=cdk2",
        'POST /v3/query {"q":[]}',
        'POST /v3/query {"q":["CDK2"],"scopes":["symbl"]}',
        'POST /v3/query {"q":["CDK2"],"species":[9606]}',
    ],
    "myvariant": [
        "/v1/query?q=cadd.phred:high",
        "/v1/query?q=chr23:1-2",
        "/v1/query?q=rs1&assembly=hg18",
        "/v1/query?q=rs1&species=human",
    ],
    "mychem": ["/v1/query?q=chembl.therapeutic_flag:maybe", "/v1/query?q=chebi:acid"],
    "mydisease": ["/v1/query?q=hpo.clinical_course.biocuration.date:2019-02-30", "/v1/query?fetch_all=true&from=5"],
}


@cache
def xgrammar_accepts(name: str, form: Format) -> Callable[[str], bool]:
    """Whether xgrammar, given bytes as its vocabulary, lets a text through and may stop after it."""
    import xgrammar

    vocabulary = [bytes([code]) for code in range(256)] + [b"<end>"]
    tokenizer = xgrammar.TokenizerInfo(vocabulary, xgrammar.VocabType.RAW, stop_token_ids=[256])
    compiled = xgrammar.GrammarCompiler(tokenizer, max_threads=2).compile_grammar(
        xgrammar.Grammar.from_ebnf(grammar(load_api(name), form))
    )

    def accepts(text: str) -> bool:
        matcher = xgrammar.GrammarMatcher(compiled)
        return bool(matcher.accept_string(text) and matcher.accept_token(256))

    return accepts


@cache
def llguidance_accepts(name: str) -> Callable[[str], bool]:
    """The same of llguidance."""
    import llguidance

    class Bytes:
        eos_token_id, bos_token_id, unk_token_id = 256, None, None
        tokens = (*(bytes([code]) for code in range(256)), b"<end>")
        special_token_ids = (256,)

        def __call__(self, text: bytes | str) -> list[int]:
            return list(text.encode() if isinstance(text, str) else text)

    tokenizer = llguidance.LLTokenizer(llguidance.TokenizerWrapper(Bytes()))
    start = llguidance.LLMatcher(tokenizer, grammar(load_api(name), "lark"))
    assert not start.is_error(), start.get_error()

    def accepts(text: str) -> bool:
        matcher = start.deep_copy()
        data = list(text.encode())
        return matcher.try_consume_tokens(data) == len(data) and matcher.is_accepting()

    return accepts


@pytest.mark.parametrize("name", APIS)
def test_no_sentence_has_anything_wrong_with_it(name: str) -> None:
    api = load_api(name)
    found = {line: validate(line, api) for line in sample(api, SEED, 500)}
    assert {line: issues for line, issues in found.items() if issues} == {}


@pytest.mark.parametrize("name", APIS)
def test_every_sentence_is_spelled_as_the_readable_path(name: str) -> None:
    api = load_api(name)
    lines = list(sample(api, SEED + 1, 500))
    assert [to_text(parse(line, api).to_query()) for line in lines] == lines


@pytest.mark.parametrize("name", APIS)
def test_engines_accept_what_the_sampler_draws(name: str) -> None:
    lines = list(sample(load_api(name), SEED + 2, 150))
    for accepts in (xgrammar_accepts(name, "ebnf"), llguidance_accepts(name)):
        assert [line for line in lines if not accepts(line)] == []


@pytest.mark.parametrize("name", GOOD)
def test_engines_and_validator_accept_queries_that_people_ask(name: str) -> None:
    for accepts in (xgrammar_accepts(name, "ebnf"), llguidance_accepts(name)):
        assert [line for line in GOOD[name] if not accepts(line)] == []
    assert [issue for line in GOOD[name] for issue in validate(line, load_api(name))] == []


@pytest.mark.parametrize("name", BAD)
def test_engines_refuse_what_is_wrong_or_means_something_else(name: str) -> None:
    for accepts in (xgrammar_accepts(name, "ebnf"), llguidance_accepts(name)):
        assert [line for line in BAD[name] if accepts(line)] == []


def test_gbnf_is_the_same_language() -> None:
    accepts = xgrammar_accepts("mydisease", "gbnf")
    assert all(accepts(line) for line in GOOD["mydisease"])
    assert not any(accepts(line) for line in BAD["mydisease"])


def test_every_searchable_field_can_be_asked_for() -> None:
    for name in APIS:
        api = load_api(name)
        accepts = xgrammar_accepts(name, "ebnf")
        fields = [
            f for f in api.schema.searchable if f.name not in api.hidden and f.name.split(".")[0] not in api.nested
        ]
        texts = [re.sub(r"([/ ])", r"\\\1", f.name).replace("+", "%2B") for f in fields]
        missed = [text for text in texts if not accepts(f"/{api.version}/query?q=_exists_:{text}")]
        assert missed == []


def test_the_end_token_closes_every_sentence() -> None:
    api = load_api("hpo")
    assert grammar(api, "gbnf", end="<|im_end|>").splitlines()[0] == 'root ::= request "<|im_end|>"'
    assert grammar(api, "lark", end="<|im_end|>").splitlines()[:2] == ["%llguidance {}", "start: REQUEST <|im_end|>"]
    assert grammar(api, "ebnf").splitlines()[0] == "root ::= request"


def test_an_unknown_format_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match="no grammar format 'bnf'; choose ebnf, gbnf or lark"):
        grammar(load_api("hpo"), "bnf")  # type: ignore[arg-type]


def test_the_same_seed_draws_the_same_sentences() -> None:
    api = load_api("hpo")
    assert list(sample(api, 1, 50)) == list(sample(api, 1, 50))
    assert list(sample(api, 1, 50)) != list(sample(api, 2, 50))


@pytest.mark.parametrize("name", APIS)
def test_every_rule_is_defined_used_and_never_leads_back_to_itself(name: str) -> None:
    rules = rules_of(load_api(name))
    done: set[str] = set()

    def visit(rule: str, above: tuple[str, ...]) -> None:
        assert rule not in above
        if rule not in done:
            for below in references(rules.nodes[rule]):
                visit(below, (*above, rule))
            done.add(rule)

    visit(rules.start, ())
    assert done == set(rules.nodes)


def references(node: Node) -> Iterator[str]:
    if isinstance(node, Ref):
        yield node.name
    parts = node.parts if isinstance(node, Sequence) else node.options if isinstance(node, Choice) else ()
    for part in (*parts, *([node.node] if isinstance(node, Repeat) else [])):
        yield from references(part)


def as_regex(node: Node) -> str:
    """The node as a Python regular expression: an independent reading of the algebra."""
    if isinstance(node, Terminal):
        return re.escape(node.text)
    if isinstance(node, Chars):
        spans = "".join(f"{re.escape(chr(low))}-{re.escape(chr(high))}" for low, high in node.ranges)
        return f"[{spans}]" if spans else "(?!)"
    if isinstance(node, Sequence):
        return "".join(map(as_regex, node.parts))
    if isinstance(node, Choice):
        return f"(?:{'|'.join(map(as_regex, node.options))})"
    assert isinstance(node, Repeat)
    return f"(?:{as_regex(node.node)}){{{node.low},{'' if node.high is None else node.high}}}"


def fits(node: Node, text: str) -> bool:
    return re.fullmatch(as_regex(node), text, re.DOTALL) is not None


@given(st.lists(st.text("abc", min_size=1, max_size=5), min_size=1, max_size=30), st.text("abc", max_size=6))
def test_a_trie_is_exactly_its_words(words: list[str], other: str) -> None:
    node = trie(words)
    assert all(fits(node, word) for word in words)
    assert fits(node, other) == (other in words)


@given(st.text("ANDORT", max_size=5))
def test_reserved_words_are_the_only_ones_left_out(text: str) -> None:
    node = words_except(("AND", "OR", "NOT"), Chars.of("A-Z"), None, Chars.of("A-Z"))
    assert fits(node, text) == (bool(text) and text not in ("AND", "OR", "NOT"))


@given(st.text("AND\\:x", max_size=6))
def test_escapes_may_stand_anywhere_in_a_word(text: str) -> None:
    node = words_except(("AND",), Chars.of("A-Z"), seq("\\", Chars.of(":")), Chars.of("A-Zx"))
    assert fits(node, text) == (re.fullmatch(r"(?!AND\Z)(?:[A-Z]|\\:)(?:[A-Zx]|\\:)*", text) is not None)


@given(st.integers(10, 12000), st.integers(0, 20000))
def test_numbers_go_up_to_their_limit_and_no_further(limit: int, number: int) -> None:
    assert fits(number_up_to(limit), str(number)) == (number <= limit)
    assert fits(number_up_to(limit), str(limit))
    assert not fits(number_up_to(limit), f"0{number}")


@given(st.sets(st.characters(max_codepoint=300), max_size=20), st.sets(st.characters(max_codepoint=300), max_size=20))
def test_sets_of_characters_join_and_subtract(left: set[str], right: set[str]) -> None:
    one, other = (Chars(tuple((ord(sign), ord(sign)) for sign in sorted(signs))) for signs in (left, right))
    characters = {chr(code) for code in range(301)}
    assert {sign for sign in characters if sign in (one | other)} == left | right
    assert {sign for sign in characters if sign in (one - other)} == left - right


@pytest.mark.parametrize("name", APIS)
def test_identifiers_drawn_from_a_pattern_fit_it(name: str) -> None:
    for rule in load_api(name).definition.identifiers:
        rules = Rules({"identifier": of_pattern(rule.pattern)}, "identifier")
        for line in sentences(rules, random.Random(SEED), 50):
            assert re.fullmatch(rule.pattern, line, re.IGNORECASE), (rule.pattern, line)


def test_a_pattern_without_a_rule_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match="ASSERT"):
        of_pattern(r"(?=a)b")


def test_run_and_optional_read_as_they_are_named() -> None:
    node = seq("<", optional("-"), run(Chars.of("a-c"), seq("\\", Chars.of("*"))), repeat("!", 1, 2), choice(">", "]"))
    assert all(fits(node, text) for text in ("<!>", "<-!]", "<ab\\*c\\*!!>"))
    assert not any(fits(node, text) for text in ("<>", "<--!>", "<a\\b!>", "<a!!!>"))


@pytest.mark.parametrize("name", APIS)
def test_no_sentence_sorts_by_the_identifier_or_counts_it(name: str) -> None:
    rules = rules_of(load_api(name))
    places = [Rules(rules.nodes, start=f"{parameter}-parameter") for parameter in ("sort", "facets")]
    for place in filter(lambda place: place.start in place.nodes, places):
        drawn = set(sentences(place, random.Random(SEED), 3000))
        assert not drawn & {"_id", "-_id"} and not any("_id" in text.split(",") for text in drawn)


@pytest.mark.parametrize("end", ["\udc80", "a\x00", "a\nb"])
def test_an_end_token_that_is_no_text_is_refused(end: str) -> None:
    with pytest.raises(ConfigurationError, match="not printable"):
        grammar(load_api("hpo"), "ebnf", end)
