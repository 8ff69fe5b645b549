"""How a glossary file is written and read.

    sources:
      gnomad_exome: gnomAD exomes
    slots:
      population:
        afr: African/African American | African
    fields:
      gnomad_exome:
        _: variant frequencies in the gnomAD exomes
        af:
          af_<population>: allele frequency in people of <population> ancestry, 0 to 1 | <population> frequency

The tree below `fields` mirrors the field paths; `_` is the object itself. A text is `description | name | name ...`;
without names, the description up to its first comma, semicolon or bracket is the name, and a single name that begins
with the source is also turned round ("allele ID in ClinVar"). A `<slot>` stands for the tokens of that slot, which
belongs to its file: in the description for a token's first form, in names for its last one. A field takes the rule that
spells it out, else the one that leaves the least to slots. The source of the longest fitting path is added in brackets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from query_assistant.errors import ConfigurationError
from query_assistant.inputs import read_text
from query_assistant.nesting import keyed_values

SLOT = re.compile(r"<([a-z_]+)>")
ITSELF = "_"

Forms = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """What the glossary says of one field."""

    description: str
    names: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class SlotRule:
    """A rule with slots: `regex` has one group per slot, in the order of `slots`."""

    path: str
    regex: re.Pattern[str]
    slots: dict[str, dict[str, Forms]]
    text: str

    @property
    def literal(self) -> int:
        """How many characters the rule spells out itself."""
        return len(SLOT.sub("", self.path))


@dataclass
class Glossary:
    """The rules of one API."""

    sources: dict[str, str] = field(default_factory=dict)
    exact: dict[str, str] = field(default_factory=dict)
    patterns: list[SlotRule] = field(default_factory=list)

    def entry(self, path: str) -> Entry | None:
        """What the best rule says of a field; None where no rule fits."""
        if path in self.exact:
            return self._compose(path, self.exact[path], {})
        fitting = [(pattern, match) for pattern in self.patterns if (match := pattern.regex.fullmatch(path))]
        if not fitting:
            return None
        pattern, match = max(fitting, key=lambda pair: pair[0].literal)
        tokens = zip(pattern.slots.items(), match.groups(), strict=True)
        forms = {slot: of[token] for (slot, of), token in tokens}
        return self._compose(path, pattern.text, forms)

    def source(self, path: str) -> str:
        """The title of the longest listed path that is the field or above it."""
        above = [prefix for prefix in self.sources if path == prefix or path.startswith(prefix + ".")]
        if not above:
            raise ConfigurationError(f"glossary: {path} has no source; name one under `sources`")
        return self.sources[max(above, key=len)]

    def _compose(self, path: str, text: str, forms: dict[str, Forms]) -> Entry:
        description, *named = [part.strip() for part in text.split("|")]
        source = self.source(path)
        filled = _fill(description, {slot: values[0] for slot, values in forms.items()})
        short = {slot: values[-1] for slot, values in forms.items()}
        names = _both_ways([_fill(name, short) for name in named or [_head(description)]], source)
        # "HPO:probinson" is a value, not a mention of the source.
        mentioned = re.search(rf"\b{re.escape(source)}\b(?!:)", filled, re.IGNORECASE)
        cited = filled if mentioned else f"{filled} ({source})"
        return Entry(_sentence_case(cited), tuple(dict.fromkeys(names)), source)


class _TextLoader(yaml.CBaseLoader):
    """Everything is text here (YAML's words for true and false are field names to us), and no key may come twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        if twice := [key for key in keys if keys.count(key) > 1]:
            raise yaml.constructor.ConstructorError(None, None, f"{twice[0]!r} is given twice", node.start_mark)
        return super().construct_mapping(node, deep=deep)


def load_glossary(files: list[Path]) -> Glossary:
    """All rules of an API, out of its files.

    Raises:
        ConfigurationError: a file is not readable as rules, a rule is given twice, or a slot is unknown.
    """
    glossary = Glossary()
    for file in files:
        _read(file, glossary)
    return glossary


def _read(file: Path, glossary: Glossary) -> None:
    try:
        data = yaml.load(read_text(file), Loader=_TextLoader)
        slots = {slot: _forms(tokens) for slot, tokens in data.get("slots", {}).items()}
        rules = [(".".join(key for key in keys if key != ITSELF), text) for keys, text in keyed_values(data["fields"])]
        glossary.sources.update(data["sources"])
    except (OSError, yaml.YAMLError, KeyError, AttributeError, TypeError) as error:
        raise ConfigurationError(f"{file.name} is not a glossary file: {error!r}; see glossary/rules.py") from error
    for path, text in rules:
        if path in glossary.exact or any(pattern.path == path for pattern in glossary.patterns):
            raise ConfigurationError(f"{file.name}: {path} has a second rule; keep one")
        _add(path, text, slots, glossary)


def _add(path: str, text: str, slots: dict[str, dict[str, Forms]], glossary: Glossary) -> None:
    named = SLOT.findall(path)
    unknown = [slot for slot in named if slot not in slots] + sorted(set(SLOT.findall(text)) - set(named))
    if unknown:
        raise ConfigurationError(
            f"glossary rule {path}: unknown slot {unknown[0]!r}; define it, or name it in the path"
        )
    if not named:
        glossary.exact[path] = text
        return
    own = {slot: slots[slot] for slot in named}
    glossary.patterns.append(SlotRule(path, _regex(path, own), own, text))


def _forms(tokens: dict[str, str]) -> dict[str, Forms]:
    return {token: tuple(part.strip() for part in text.split("|")) for token, text in tokens.items()}


def _regex(path: str, slots: dict[str, dict[str, Forms]]) -> re.Pattern[str]:
    pieces = SLOT.split(path)
    for index in range(1, len(pieces), 2):
        tokens = sorted(slots[pieces[index]], key=len, reverse=True)
        pieces[index] = "(" + "|".join(re.escape(token) for token in tokens) + ")"
    return re.compile("".join(piece if index % 2 else re.escape(piece) for index, piece in enumerate(pieces)))


def _fill(text: str, values: dict[str, str]) -> str:
    return SLOT.sub(lambda match: values[match[1]], text)


def _both_ways(names: list[str], source: str) -> list[str]:
    """A single name that begins with its source, "ClinVar allele ID", is also said as "allele ID in ClinVar"."""
    [first, *others] = names
    rest = first.removeprefix(f"{source} ")
    return names if others or rest == first else [first, f"{rest} in {source}"]


def _head(description: str) -> str:
    """The description up to its first comma, semicolon or bracket."""
    return re.split(r"[,;(]", description, maxsplit=1)[0].strip()


def _sentence_case(text: str) -> str:
    """A capital at the beginning, unless the first word has its own spelling, as dbSNP and pKa have."""
    return text[:1].upper() + text[1:] if text.split(maxsplit=1)[0].islower() else text
