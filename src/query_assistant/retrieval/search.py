"""What an instruction needs to be told: fields, documentation and examples that are near to it.

An index folder holds, per collection and API, `<collection>-<api>.jsonl` (what is shown) and `.faiss` (its
embedding, 384 numbers of unit length each). Nearness is a blend: cosine similarity finds what is meant, BM25
(Robertson and Zaragoza 2009) finds names that are spelled out, such as `rsid` or `CADD`, of which a small embedding
knows little.
"""

from __future__ import annotations

import json
import math
import os
import random
import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from query_assistant.errors import ConfigurationError, InputError, MissingResourceError
from query_assistant.files import atomic_folder
from query_assistant.records import FieldDescription, Pair, Record, read_jsonl, write_json, write_jsonl
from query_assistant.retrieval.encoder import shipped

if TYPE_CHECKING:
    from query_assistant.records import Query

Vectors = npt.NDArray[np.float32]
Embed = Callable[[Sequence[str]], Vectors]
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_RUN = re.compile(r"[A-Za-z0-9]+")
_K1, _B = 1.2, 0.75
COLLECTIONS = ("passages", "examples", "fields")
MOST_VECTORS = 50_000  # of instructions, kept: 80 MB


class IndexedPassage(Record):
    """A piece of documentation."""

    text: str


T = TypeVar("T", FieldDescription, IndexedPassage, Pair)


def build_index(
    fields: Mapping[str, Sequence[FieldDescription]],
    documentation: Mapping[str, Sequence[str]],
    examples: Sequence[Pair],
    destination: Path,
    *,
    model: str = "minilm",
    linker: Path | None = None,
    embed: Embed | None = None,
) -> None:
    """Writes the index folder: fields and passages by API, and examples (training pairs only) under theirs.

    `linker`: a trained field linker, which embeds the fields in place of `model`; where the index is read it lies in
    the same place, seen from there.
    """
    embed = embed or embedder(model)
    with atomic_folder(destination) as folder:
        for api in fields:
            _write(folder, "fields", api, fields[api], linked(linker) if linker else embed)
        for api in documentation:
            _write(folder, "passages", api, [IndexedPassage(text=text) for text in documentation[api]], embed)
        for api in sorted({pair.api for pair in examples}):
            _write(folder, "examples", api, [pair for pair in examples if pair.api == api], embed)
        place = os.path.relpath(linker, destination) if linker else None
        write_json(folder / "index.json", {"model": model, "linker": place})


def _write(folder: Path, collection: str, api: str, entries: Sequence[T], embed: Embed) -> None:
    import faiss

    write_jsonl(folder / f"{collection}-{api}.jsonl", entries)
    vectors = embed([_text(entry) for entry in entries]) if entries else embed([""])[:0]
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    faiss.write_index(index, str(folder / f"{collection}-{api}.faiss"))


def _text(entry: FieldDescription | IndexedPassage | Pair) -> str:
    """What of an entry is searched."""
    if isinstance(entry, FieldDescription):
        return field_text(entry)
    return entry.instruction if isinstance(entry, Pair) else entry.text


def field_text(entry: FieldDescription) -> str:
    """A field as retrieval and the linker read it: its path as words, and what it holds."""
    return f"{entry.field.replace('.', ' ').replace('_', ' ')}: {entry.description}"


class Retriever:
    """Searches one index folder. Answers are nearest first; equally near entries keep the order of their file."""

    def __init__(self, folder: Path, embed: Embed, lexical_weight: float, linker: Embed | None = None) -> None:
        self._folder, self._lexical_weight = folder, lexical_weight
        general = _Embedded(embed)
        self._embedded = {"passages": general, "examples": general, "fields": _Embedded(linker) if linker else general}
        self._collections: dict[tuple[str, str], Any] = {}
        self._grown: set[str] = set()  # the APIs whose examples are more than the index's

    @classmethod
    def load(cls, folder: Path, *, lexical_weight: float = 0.5, embed: Embed | None = None) -> Retriever:
        """Opens an index. `lexical_weight`: 0 is embeddings alone, 1 is shared words alone.

        Raises:
            MissingResourceError: there is no index in `folder`.
        """
        if not 0 <= lexical_weight <= 1:
            raise ConfigurationError(f"lexical_weight {lexical_weight}; expected a share from 0 to 1")
        try:
            made = json.loads((folder / "index.json").read_text(encoding="utf-8"))
            model, linker = made["model"], made["linker"]
        except (OSError, ValueError, KeyError):
            raise MissingResourceError(f"no index in {folder}; run `dvc repro index`") from None
        return cls(folder, embed or embedder(model), lexical_weight, linked(folder / linker) if linker else None)

    def weighted(self, lexical_weight: float) -> Retriever:
        """The same index, its entries and what was embedded already, with another blend."""
        other = copy(self)
        other._lexical_weight = lexical_weight
        return other

    def warm(self, apis: Iterable[str]) -> None:
        """Loads the encoders and what there is of these APIs, for which the first search would else wait."""
        self.prepare([""])
        kinds: dict[str, Any] = {"passages": IndexedPassage, "examples": Pair, "fields": FieldDescription}
        for api, (name, kind) in product(apis, kinds.items()):
            if (self._folder / f"{name}-{api}.jsonl").is_file():
                self._collection(name, api, kind)

    def prepare(self, instructions: Sequence[str], collections: Container[str] = COLLECTIONS) -> None:
        """Embeds instructions ahead, together, for those of the collections that the index has."""
        for name, embedded in self._embedded.items():
            if name in collections and next(self._folder.glob(f"{name}-*.jsonl"), None):
                embedded.prepare(instructions)

    def fields(self, instruction: str, api: str, k: int) -> list[FieldDescription]:
        return list(_first(self._nearest("fields", api, FieldDescription, instruction), k))

    def passages(self, instruction: str, api: str, k: int) -> list[str]:
        near = self._nearest("passages", api, IndexedPassage, instruction)
        return [passage.text for passage in _first(near, k)]

    def examples(
        self, instruction: str, api: str, k: int, *, hidden: Callable[[Pair], bool] | None = None
    ) -> list[Pair]:
        """Near training pairs with distinct queries, none of them the instruction itself nor `hidden`."""
        chosen: dict[str, Pair] = {}
        for pair in self._nearest("examples", api, Pair, instruction):
            if len(chosen) == k:
                break
            if pair.instruction != instruction and not (hidden and hidden(pair)):
                chosen.setdefault(f"{pair.query} {pair.body}", pair)
        return list(chosen.values())

    def add_examples(self, pairs: Sequence[Pair]) -> None:
        """Further examples beside those of the index, for this retriever alone, in place of what was added before."""
        for api in self._grown:
            self._collections.pop(("examples", api), None)
        self._grown = {pair.api for pair in pairs}
        for api in sorted(self._grown):
            own, found = [pair for pair in pairs if pair.api == api], self._collection("examples", api, Pair)
            vectors = np.vstack([self._embedded["examples"].vector(pair.instruction) for pair in own])
            grown = Collection([*own, *found.entries], np.vstack([vectors, found.vectors]))
            self._collections["examples", api] = grown

    def likeness(self, instruction: str, api: str, k: int) -> float:
        """The mean cosine similarity of the k examples of an API that are nearest in meaning, from -1 to 1."""
        found = self._collection("examples", api, Pair)
        scores = found.vectors @ self._embedded["examples"].vector(instruction)
        return float(np.sort(scores)[-k:].mean()) if len(scores) else -1.0

    def random_examples(self, api: str, k: int, seed: int) -> list[Pair]:
        """The same training pairs for every instruction."""
        entries = self._collection("examples", api, Pair).entries
        return random.Random(f"{seed}/random examples/{api}").sample(entries, min(k, len(entries)))

    def _nearest(self, name: str, api: str, kind: type[T], instruction: str) -> Iterator[T]:
        vector = self._embedded[name].vector(instruction)
        return self._collection(name, api, kind).nearest(instruction, vector, self._lexical_weight)

    def _collection(self, name: str, api: str, kind: type[T]) -> Collection[T]:
        key = (name, api)
        if key not in self._collections:
            self._collections[key] = _load(self._folder, name, api, kind)
        collection: Collection[T] = self._collections[key]
        return collection


class _Embedded:
    """Instructions as one model sees them, each embedded once; a server that is asked for months forgets in between."""

    def __init__(self, embed: Embed) -> None:
        self._embed = embed
        self._vectors: dict[str, Vectors] = {}

    def prepare(self, instructions: Sequence[str]) -> None:
        missing = list(dict.fromkeys(text for text in instructions if text not in self._vectors))
        if missing:
            self._vectors.update(zip(missing, self._embed(missing), strict=True))

    def vector(self, instruction: str) -> Vectors:
        if len(self._vectors) > MOST_VECTORS:
            self._vectors.clear()
        self.prepare([instruction])
        return self._vectors[instruction]


@dataclass(frozen=True)
class Collection(Generic[T]):
    """Entries of one kind and API with their vectors, shape [n, 384]."""

    entries: list[T]
    vectors: Vectors

    @cached_property
    def _lexicon(self) -> Bm25:
        return Bm25([_words(_text(entry)) for entry in self.entries])

    def nearest(self, text: str, vector: Vectors, lexical_weight: float) -> Iterator[T]:
        """All entries, nearest first."""
        if not self.entries:
            return iter(())
        scores = (1 - lexical_weight) * (self.vectors @ vector)
        if lexical_weight:
            shared = self._lexicon.scores(_words(text))
            scores = scores + lexical_weight * shared / max(float(shared.max()), 1e-9)
        order = np.argsort(-scores.round(6), kind="stable")
        return (self.entries[place] for place in order)


class Bm25:
    """Okapi BM25 over tokenised texts."""

    def __init__(self, documents: Sequence[Sequence[str]]) -> None:
        self._size = len(documents)
        lengths = np.array([len(document) for document in documents], dtype=np.float32)
        self._norm = _K1 * (1 - _B + _B * lengths / max(float(lengths.mean()), 1.0))
        self._postings: dict[str, list[tuple[int, int]]] = {}
        for number, document in enumerate(documents):
            for word, count in Counter(document).items():
                self._postings.setdefault(word, []).append((number, count))

    def scores(self, words: Sequence[str]) -> Vectors:
        """One score per document; 0 where it shares no word."""
        total = np.zeros(self._size, dtype=np.float32)
        for word in set(words):
            postings = self._postings.get(word, ())
            rarity = math.log(1 + (self._size - len(postings) + 0.5) / (len(postings) + 0.5))
            for number, count in postings:
                total[number] += rarity * count * (_K1 + 1) / (count + self._norm[number])
        return total


def recall_at_k(
    retriever: Retriever, pairs: Sequence[Pair], apis: Mapping[str, Any], ks: Sequence[int] = (4, 8, 16, 32)
) -> dict[str, float]:
    """The share of pairs whose every gold field is among the first k retrieved, for each k; from 0 to 1.

    Gold fields are the names in the query that the API's field list has; an object counts as found with any field
    below it. Pairs whose query names no field are left out of the denominator. Ask with held-out pairs.
    """
    asked = [(pair, gold) for pair in pairs if (gold := named_fields(pair, apis[pair.api].schema))]
    retriever.prepare([pair.instruction for pair, _ in asked], ["fields"])
    hits: Counter[int] = Counter()
    for pair, gold in asked:
        found = [entry.field for entry in retriever.fields(pair.instruction, pair.api, max(ks))]
        hits.update(k for k in ks if all(_covered(name, found[:k]) for name in gold))
    return {f"recall_at_{k}": hits[k] / max(len(asked), 1) for k in ks} | {"pairs": float(len(asked))}


def named_fields(query: Query, schema: Any) -> set[str]:
    """Field names of the API that the query spells out."""
    text = query.query if query.body is None else f"{query.query} {json.dumps(query.body)}"
    return {name for name in re.findall(r"[A-Za-z_][\w.-]*\w", text.partition("?")[2] or text) if name in schema}


def _covered(name: str, found: Sequence[str]) -> bool:
    return any(other == name or other.startswith(name + ".") for other in found)


def embedder(model: str = "minilm") -> Embed:
    """The embedding model, loaded when it is first used: texts -> unit vectors, shape [n, size].

    `minilm` is installed with the project; any other word is a folder or a hub's name for sentence-transformers.
    What is returned raises MissingResourceError where that cannot be loaded.
    """
    return _embed if model == "minilm" else partial(_embed_by_another, model)


def remembered(embed: Embed) -> Embed:
    """The same vectors, each text embedded only when it is first met."""
    kept = _Embedded(embed)

    def vectors(texts: Sequence[str]) -> Vectors:
        kept.prepare(texts)
        return np.array([kept.vector(text) for text in texts])

    return vectors


def linked(linker: Path) -> Embed:
    """The encoder with a trained field linker, loaded when it is first used."""
    return partial(_embed, adapter=linker.resolve())


def _embed(texts: Sequence[str], adapter: Path | None = None) -> Vectors:
    return shipped(adapter).encode(texts)


def _embed_by_another(model: str, texts: Sequence[str]) -> Vectors:
    vectors: Vectors = _another(model).encode(list(texts), normalize_embeddings=True, convert_to_numpy=True)
    return vectors


@lru_cache(maxsize=1)
def _another(model: str) -> Any:
    from sentence_transformers import SentenceTransformer

    try:
        return SentenceTransformer(model, model_kwargs={"use_safetensors": True})  # never a pickle
    except (OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise MissingResourceError(
            f"embedder {model!r} cannot be loaded: {reason}; expected minilm, a folder, or a hub's name within reach"
        ) from None


def _load(folder: Path, name: str, api: str, kind: type[T]) -> Collection[T]:
    file = folder / f"{name}-{api}"
    if not file.with_name(file.name + ".jsonl").is_file():
        raise InputError(
            f"the index in {folder} has no {name} of {api}; run `dvc repro index` with that API configured"
        )
    import faiss  # a fifth of the starting time of a question: loaded while the model is

    entries = read_jsonl(file.with_name(file.name + ".jsonl"), kind)
    index = faiss.read_index(str(file.with_name(file.name + ".faiss")))
    vectors = index.reconstruct_n(0, index.ntotal) if index.ntotal else np.zeros((0, index.d), dtype=np.float32)
    return Collection(entries, vectors)


def _words(text: str) -> list[str]:
    """Lower-case words and numbers, camelCase both taken apart and whole, plurals without their s."""
    parts = [part for run in _RUN.findall(text) for part in {run: None, **dict.fromkeys(_WORD.findall(run))}]
    words = [part.lower() for part in parts]
    return [word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in words]


def _first(entries: Iterator[T], k: int) -> Iterator[T]:
    return (entry for _, entry in zip(range(k), entries, strict=False))
