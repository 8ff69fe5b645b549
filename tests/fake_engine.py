"""An engine that says what it is told to: for tests of everything around engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from query_assistant.engines import Completion, Draw, Prompt


class FakeEngine:
    """Answers with `answer(prompt)`, or from a queue of texts; remembers the batches it was asked."""

    def __init__(self, answers: Callable[[Prompt], str] | Sequence[str]) -> None:
        self._answer = answers if callable(answers) else _queue(answers)
        self.batches: list[list[str]] = []
        self.grammars: list[str | None] = []
        self.draws: list[Draw | None] = []

    def generate(
        self,
        prompts: Sequence[Prompt],
        *,
        max_new_tokens: int,
        grammar: str | None = None,
        draw: Draw | None = None,
    ) -> Iterator[Completion]:
        self.draws.append(draw)
        self.batches.append([prompt[-1].content for prompt in prompts])
        self.grammars.append(grammar)
        for prompt in prompts:
            text = self._answer(prompt)
            yield Completion(text, self.count_tokens(prompt[-1].content), self.count_tokens(text), 1.0)

    def count_tokens(self, text: str) -> int:
        return len(text.split())


def _queue(answers: Sequence[str]) -> Callable[[Prompt], str]:
    left = iter(answers)
    return lambda prompt: next(left)
