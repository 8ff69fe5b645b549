"""What each field of the four APIs is, and what people call it, out of data/apis/<api>/glossary/.

    description("myvariant", "dbnsfp.sift.score")
        "SIFT score of the amino acid change, 0 to 1, lower is more damaging (dbNSFP)"
    names("mygene", "entrezgene")
        ("Entrez gene ID", "NCBI gene ID", "Entrez ID")

One YAML file per source or family of sources, `<what>.yaml`; `glossary_rules` says how they are written and read.
An API without files here gets its paths spelled out as words; the `llm` annotator does better there.
"""

from __future__ import annotations

import re
from functools import cache

from query_assistant.apis import api_folder
from query_assistant.descriptions.glossary_rules import Entry, Glossary, load_glossary
from query_assistant.errors import ConfigurationError

FOLDER = "glossary"


def description(api: str, field: str) -> str:
    """One clean noun phrase: what the value is, of what, unit, range and direction where known, and the source."""
    return entry(api, field).description


def names(api: str, field: str) -> tuple[str, ...]:
    """What people call the field in a sentence, the most usual name first; no two fields of an API share a name."""
    return entry(api, field).names


def source(api: str, field: str) -> str:
    """The database the values come from."""
    return entry(api, field).source


@cache
def entry(api: str, field: str) -> Entry:
    """All that the glossary says of one field.

    Raises:
        ConfigurationError: the API has a glossary, but no rule in it fits the field.
    """
    glossary = glossary_of(api)
    if glossary is None:
        return spell_out(api, field)
    found = glossary.entry(field)
    if found is None:
        raise ConfigurationError(
            f"no description of {api}'s field {field!r}: expected a rule for it in {api_folder(api) / FOLDER}; add one"
        )
    return found


@cache
def glossary_of(api: str) -> Glossary | None:
    """The curated rules of an API, None where there are none."""
    files = sorted((api_folder(api) / FOLDER).glob("*.yaml"))
    return load_glossary(files) if files else None


def spell_out(api: str, field: str) -> Entry:
    """The path of a field as words, last part first: `subject.gene_symbol` is "gene symbol (subject)"."""
    *above, last = [_words(part) for part in field.split(".")]
    name = f"{last} ({', '.join(reversed(above))})" if above else last
    return Entry(description=f"{name[:1].upper()}{name[1:]}", names=(name,), source=api)


def _words(part: str) -> str:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", part)
    return re.sub(r"[_\s]+", " ", spaced).strip() or part
