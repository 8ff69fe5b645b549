"""One system, opened and ready to answer: for the generate stage, `qa ask`, `qa predict` and the server alike.

assistant = open_assistant(System.parse("finetuned-zero_shot-closed-grammar"), params, apis)
assistant.ask("human genes on chromosome 11 named insulin", "mygene")     # Query or None
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from query_assistant.apis import Api
from query_assistant.engines import Completion, Draw, Engine, Prompt, open_engine
from query_assistant.grammar import grammar
from query_assistant.models.fetching import describe
from query_assistant.params import Params
from query_assistant.prompts import PromptBuilder, PromptSettings, prompt_sha256
from query_assistant.records import Pair, Query
from query_assistant.retrieval.search import Retriever
from query_assistant.seeds import derive_seed
from query_assistant.systems.choosing import DRAW, DRAWS, CountHits, Interpretation, is_sure, readings, replica_hits
from query_assistant.systems.confidence import Answered, Confidence
from query_assistant.systems.generation import System


@dataclass(frozen=True)
class Proposal:
    """What a model wrote, the query in it (None: none), and the chance that it is right, where that was calibrated.

    `alternatives` are other readings of the question, the likelier first, from a system that answers several times.
    """

    query: Query | None
    text: str
    confidence: float | None
    alternatives: tuple[Proposal, ...] = ()


@dataclass(frozen=True)
class Assistant:
    """A system with its model loaded. `grammars` is empty for systems that decode freely.

    `count_hits` says how many records a query finds, which helps to choose among answers.
    """

    system: System
    apis: Mapping[str, Api]
    engine: Engine
    builder: PromptBuilder
    grammars: Mapping[str, str]
    max_new_tokens: int
    batch_size: int
    fingerprint: str
    calibration: Confidence | None = None
    count_hits: CountHits = replica_hits

    def ask(self, instruction: str, api: str) -> Query | None:
        """The query for one instruction; None where the model's answer is none."""
        return self.answer(instruction, api).query

    def show_examples(self, pairs: Sequence[Pair]) -> None:
        """Shows these beside the index's examples from now on, such as corrections, and no others."""
        self.builder.show_examples(pairs)

    def prompt_sha256(self, instruction: str, api: str) -> str:
        """What identifies the prompt of an instruction."""
        return prompt_sha256(self.builder.build(instruction, api))

    def write(self, prompt: Prompt, api: str) -> Completion:
        """What the model writes behind a prompt, within the API's grammar where the system decodes so."""
        return self._completions([prompt], api, None)[0]

    def answer(self, instruction: str, api: str) -> Proposal:
        """The query for one instruction, and how sure it is."""
        prompt = self.builder.build(instruction, api)
        answers = self._completions([prompt], api, None)
        first, *others = self.readings(instruction, answers, api)
        if self.system.decoding == "chosen" and not is_sure(first):
            answers += self._completions([prompt] * DRAWS, api, DRAW)
            first, *others = self.readings(instruction, answers, api)
        return replace(_proposal(first), alternatives=tuple(_proposal(one) for one in others if one.query))

    def readings(self, instruction: str, answers: Sequence[Answered], api: str) -> list[Interpretation]:
        """What several answers mean, the likeliest right first."""
        return readings(instruction, answers, self.apis[api], self.calibration, self.count_hits)

    def _completions(self, prompts: Sequence[Prompt], api: str, draw: Draw | None) -> list[Completion]:
        grammar = self.grammars.get(api)
        return list(self.engine.generate(prompts, max_new_tokens=self.max_new_tokens, grammar=grammar, draw=draw))


def _proposal(reading: Interpretation) -> Proposal:
    return Proposal(reading.query, reading.answer.text, reading.confidence)


def open_assistant(
    system: System,
    params: Params,
    apis: Mapping[str, Api],
    models: Path = Path("models"),
    *,
    engine: Engine | None = None,
    calibration: Confidence | None = None,
    examples: Sequence[Pair] = (),
    index: Path | None = None,
    retrievers: dict[str, Retriever] | None = None,
) -> Assistant:
    """Loads the model and whatever the system retrieves from.

    Args:
        models: folder with base/, finetuned/ and index/, as the pipeline writes it.
        engine: the system's weights, where they are open already.
        calibration: how sure this very system may be.
        examples: further near examples, such as corrections.
        index: the folder that is retrieved from, where it is not that of `models`.
        retrievers: what other systems of the same index opened, by their word; what this one opens is added.

    Raises:
        MissingResourceError: weights, index, key or server are not there; the message says how to get them.
    """
    with ThreadPoolExecutor(1) as meanwhile:  # both work outside Python, on a core each
        place, opened = index or models / "index", {} if retrievers is None else retrievers
        retrieving = meanwhile.submit(_retrievers, params, system, apis, place, opened)
        engine = engine or open_weights(system.weights, params, models, keep_graph=True)
        rag, few_shot = retrieving.result()
    if few_shot and examples:
        few_shot.add_examples(examples)
    grammars = {name: grammar(api, "ebnf") for name, api in apis.items()} if system.decoding != "free" else {}
    return Assistant(
        system,
        apis,
        engine,
        PromptBuilder(apis, _settings(params), engine.count_tokens, rag=rag, few_shot=few_shot),
        grammars,
        params.generate.max_new_tokens,
        params.model.engine.batch_size,
        _fingerprint(params, models / system.weights),
        calibration,
    )


def open_weights(weights: str, params: Params, models: Path = Path("models"), *, keep_graph: bool = False) -> Engine:
    """The model that all systems of these weights share."""
    settings = params.model.engine
    if weights == "finetuned" and settings.finetuned_model_name:
        settings = settings.model_copy(update={"model_name": settings.finetuned_model_name})
    return open_engine(settings, models / weights, keep_graph=keep_graph)


def _retriever(word: str, params: Params, apis: Iterable[str], index: Path, opened: dict[str, Retriever]) -> Retriever:
    """What is retrieved from for a word of a system's name, loaded."""
    if word not in opened:  # each by its own knobs alone: turning one must change no system without its word
        knobs = params.generate.rag if word == "rag" else params.generate.few_shot
        opened[word] = Retriever.load(index / word, lexical_weight=knobs.lexical_weight)
        opened[word].warm(apis)
    return opened[word]


def _retrievers(
    params: Params, system: System, apis: Iterable[str], index: Path, opened: dict[str, Retriever]
) -> tuple[Retriever | None, Retriever | None]:
    """What the system retrieves fields and examples from."""
    rag = _retriever("rag", params, apis, index, opened) if system.context == "rag" else None
    return rag, _retriever("few_shot", params, apis, index, opened) if system.examples == "few_shot" else None


def _settings(params: Params) -> PromptSettings:
    knobs = params.generate
    return PromptSettings(
        fields_k=knobs.rag.k,
        descriptions=knobs.rag.descriptions,
        passages_k=knobs.rag.passages,
        examples_k=knobs.few_shot.k,
        examples_by=knobs.few_shot.by,
        max_tokens=params.model.prompt_tokens,
        seed=derive_seed(params.seed, "few-shot examples"),
    )


def _fingerprint(params: Params, folder: Path) -> str:
    """What identifies weights and engine; half-finished answers of others are not taken up."""
    model = describe(folder) if params.model.source.kind != "none" else {}
    return hashlib.sha256(f"{params.model.engine}{sorted(model.items())}".encode()).hexdigest()
