"""The terminal side of review: one pair at a time, one key and Enter each.

a accept · e edit · r reject · s skip · u undo the last · q save and leave
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from query_assistant.errors import visible
from query_assistant.pairs.review import Action, Decision, content_hash, load_decisions, queue, save_decisions
from query_assistant.records import Pair

LONGEST_ANSWER = 10_000
HELP = "[a]ccept  [e]dit  [r]eject  [s]kip  [u]ndo  [q]uit"


def review(pairs: Sequence[Pair], path: Path, source: TextIO, screen: TextIO, limit: int = 0) -> dict[str, Decision]:
    """Shows open pairs until they, the input or the person's patience end; every decision is saved at once.

    `limit`: how many pairs to show at most; 0 is all.
    """
    decisions = load_decisions(path)
    waiting = queue(pairs, decisions)
    waiting = waiting[:limit] if limit else waiting
    Session(waiting, decisions, path, source, screen).run()
    return decisions


class Session:
    """One sitting: where it stands in the queue, and what was decided."""

    def __init__(
        self, waiting: Sequence[Pair], decisions: dict[str, Decision], path: Path, source: TextIO, screen: TextIO
    ) -> None:
        self.waiting = waiting
        self.decisions = decisions
        self.path = path
        self.source = source
        self.screen = screen
        self.place = 0
        self.decided: list[str] = []

    def run(self) -> None:
        while self.place < len(self.waiting):
            self._show(self.waiting[self.place])
            answer = self._ask("> ")
            if answer is None or answer.casefold() == "q":
                break
            self._act(answer.casefold(), self.waiting[self.place])
        self._print(f"{len(self.decided)} decided, {len(self.waiting) - self.place} left")

    def _act(self, answer: str, pair: Pair) -> None:
        if answer in {"a", ""}:
            self._decide(pair, "accept")
        elif answer == "r":
            self._decide(pair, "reject", note=self._ask("why (may be empty): ") or None)
        elif answer == "e":
            self._edit(pair)
        elif answer == "s":
            self.place += 1
        elif answer == "u":
            self._undo()
        else:
            self._print(f"{answer!r} is no choice: {HELP}")

    def _edit(self, pair: Pair) -> None:
        better = self._ask("instruction: ")
        if better and better != pair.instruction:
            self._decide(pair, "edit", instruction=better)
        else:
            self._print("unchanged")

    def _decide(self, pair: Pair, action: Action, instruction: str | None = None, note: str | None = None) -> None:
        self.decisions[pair.id] = Decision(
            id=pair.id, content=content_hash(pair), action=action, instruction=instruction, note=note
        )
        save_decisions(self.path, self.decisions)
        self.decided.append(pair.id)
        self.place += 1

    def _undo(self) -> None:
        if not self.decided:
            self._print("nothing to undo")
            return
        last = self.decided.pop()
        del self.decisions[last]
        save_decisions(self.path, self.decisions)
        self.place = next(index for index, pair in enumerate(self.waiting) if pair.id == last)

    def _show(self, pair: Pair) -> None:
        """Whatever a model wrote is shown in one line, and nothing of it reaches the terminal as a command."""
        body = f" {json.dumps(pair.body, ensure_ascii=False, sort_keys=True)}" if pair.body else ""
        self._print(f"\n{self.place + 1}/{len(self.waiting)}  {pair.api}  {pair.form}  {', '.join(pair.constructs)}")
        self._print(f"  {visible(pair.instruction)}")
        self._print(f"  {visible(pair.query + body)}")
        self._print(HELP)

    def _ask(self, prompt: str) -> str | None:
        """One line; None at the end of the input. What is no text or has no end is said, and asked again."""
        while True:
            self.screen.write(prompt)
            self.screen.flush()
            line = self.source.readline(LONGEST_ANSWER)
            if not line:
                return None
            if (problem := self._problem(line)) is None:
                return line.strip()
            self._print(problem)

    def _problem(self, line: str) -> str | None:
        if len(line) == LONGEST_ANSWER and not line.endswith("\n"):
            while line and not line.endswith("\n"):
                line = self.source.readline(LONGEST_ANSWER)
            return f"that is over {LONGEST_ANSWER:,} signs; write less"
        if any("\ud800" <= sign <= "\udfff" for sign in line):
            return "that is not UTF-8 text; write it again"
        return None

    def _print(self, text: str) -> None:
        self.screen.write("\n".join(visible(line) for line in text.split("\n")) + "\n")
