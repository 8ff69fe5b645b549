"""Prompts with what was retrieved for them: one builder for training, generation and the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from query_assistant.messages import Message
from query_assistant.prompts.rendering import Budget, Example, PromptApi, render
from query_assistant.queries.request import to_text
from query_assistant.records import Pair

if TYPE_CHECKING:
    from query_assistant.retrieval.search import Retriever

NEAR = 3  # examples whose likeness to an instruction is averaged
STRANGE = 0.4  # of it: the least of the 176 development questions is 0.43, everyday talk comes to 0.37 (LOG.md)
SENTENCE = 3  # words


@dataclass(frozen=True)
class PromptSettings:
    """How much is shown.

    Attributes:
        fields_k: fields shown where fields are retrieved. Higher: more often the right one is there, longer prompts.
        descriptions: say what each field holds, not its path alone. For models that were not trained on the paths; five
            times the tokens.
        passages_k: passages of documentation shown there.
        examples_k: examples shown where examples are. Higher: more to imitate, longer prompts.
        examples_by: `nearest` to the instruction, or the same `random` ones for all, drawn with `seed`.
        max_tokens: what a prompt may cost; what is farthest is dropped first.
    """

    fields_k: int = 8
    descriptions: bool = False
    passages_k: int = 1
    examples_k: int = 3
    examples_by: Literal["nearest", "random"] = "nearest"
    max_tokens: int = 1024
    seed: int = 0


class PromptBuilder:
    """Renders instructions. `rag` brings fields and documentation, `few_shot` examples; without one, none are shown."""

    def __init__(
        self,
        apis: Mapping[str, PromptApi],
        settings: PromptSettings,
        count_tokens: Callable[[str], int],
        *,
        rag: Retriever | None = None,
        few_shot: Retriever | None = None,
    ) -> None:
        self._apis, self._settings = apis, settings
        self._budget = Budget(settings.max_tokens, count_tokens)
        self._rag, self._few_shot = rag, few_shot

    def prepare(self, instructions: Sequence[str]) -> None:
        """Embeds many instructions at once, which is ten times faster than one by one."""
        for retriever in (self._rag, self._few_shot):
            if retriever is not None:
                retriever.prepare(instructions)

    def show_examples(self, pairs: Sequence[Pair]) -> None:
        """Further examples from now on, in place of those shown so before; nothing where the system shows none."""
        if self._few_shot is not None:
            self._few_shot.add_examples(pairs)

    def is_strange(self, instruction: str, api: str) -> bool:
        """Whether no example is anything like the instruction; nobody can tell where none are shown.

        One or two words that no example has may be a name, which can be searched.
        """
        if self._few_shot is None:
            return False
        words, known = len(instruction.split()), self._few_shot.shares_words(instruction, api)
        if not known:
            return words >= SENTENCE
        return self._few_shot.likeness(instruction, api, NEAR) < STRANGE

    def build(self, instruction: str, api: str, *, hidden: Callable[[Pair], bool] | None = None) -> list[Message]:
        """The prompt for one instruction.

        Args:
            hidden: examples that must not be shown; in training, those that hold the answer.
        """
        settings, rag = self._settings, self._rag
        return render(
            instruction,
            self._apis[api],
            examples=self._examples(instruction, api, hidden),
            fields=rag.fields(instruction, api, settings.fields_k) if rag else (),
            passages=rag.passages(instruction, api, settings.passages_k) if rag else (),
            descriptions=settings.descriptions,
            budget=self._budget,
        )

    def _examples(self, instruction: str, api: str, hidden: Callable[[Pair], bool] | None) -> list[Example]:
        if self._few_shot is None:
            return []
        count = self._settings.examples_k
        if self._settings.examples_by == "random":
            drawn = self._few_shot.random_examples(api, count, self._settings.seed)
            return [_example(pair) for pair in drawn if not (hidden and hidden(pair))]
        near = self._few_shot.examples(instruction, api, count, hidden=hidden)
        return [_example(pair) for pair in near]


def _example(pair: Pair) -> Example:
    return Example(pair.instruction, to_text(pair))
