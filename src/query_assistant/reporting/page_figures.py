"""The figures of a page: how right the systems are, what each technique adds, what goes wrong, and where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from query_assistant.reporting.charts import Bar
from query_assistant.reporting.page_answers import Judged
from query_assistant.reporting.tables import error_kinds, error_share
from query_assistant.reporting.techniques import TECHNIQUES, Verdicts, all_twins, effects
from query_assistant.scoring.documents import Score
from query_assistant.systems.evaluation_sets import BENCHMARK

FEWEST = 4  # questions that a construct needs to have a column


@dataclass(frozen=True)
class Step:
    """One step from the plainest system to the fullest, in percent of right answers."""

    label: str
    before: float
    after: float

    @property
    def kind(self) -> str:
        if not self.label.startswith("+"):
            return "start"
        return "lost" if self.after < self.before else "gained"

    @property
    def said(self) -> str:
        """`40.0 +12.5 = 52.5`, or where it begins."""
        if self.kind == "start":
            return f"{self.after:.1f}"
        return f"{self.before:.1f} {self.after - self.before:+.1f} = {self.after:.1f}"


def accuracy_bar(score: Score) -> Bar:
    low, high = score.benchmark.interval["selection"]
    return Bar(score.system, 100 * score.benchmark.selection, 100 * low, 100 * high)


def ablation(systems: Sequence[str], items: Sequence[Judged]) -> list[Bar]:
    """What each technique adds, in points: the mean over pairs of systems that differ in it alone.

    The interval is that of the paired bootstrap at 95%, questions with one right query drawn together; `dots` are the
    pairs of systems.
    """
    asked = [Verdicts((item["api"], item["group"]), _right_systems(item)) for item in items]
    found = []
    for one in effects(all_twins(systems), {BENCHMARK: asked}):
        pairs = len(one.gains)
        said = f"instead of {one.instead_of}; {pairs} {'pair' if pairs == 1 else 'pairs'} of systems; {one.verdict}"
        ends = (100 * one.difference, 100 * one.low, 100 * one.high)
        found.append(Bar(one.technique, *ends, dots=tuple(100 * gain for gain in one.gains), note=said))
    return found


def _right_systems(item: Judged) -> dict[str, bool]:
    return {system: answer["right"] for system, answer in item["answers"].items()}


def waterfall(scores: Sequence[Score]) -> list[Step]:
    """From the system with the fewest techniques to that with all, one more at a time, in the order of their names.

    Nothing where no further system differs from it in one technique. What a technique adds depends on what was there.
    """
    shares = {score.system: 100 * score.benchmark.selection for score in scores}
    now = min(shares, key=lambda name: (sum(word in TECHNIQUES for word in name.split("-")), name))
    steps = [Step(now, 0.0, shares[now])]
    for technique, instead in TECHNIQUES.items():
        following = _twin(now, instead, technique)
        if following != now and following in shares:
            steps.append(Step(f"+ {technique}", shares[now], shares[following]))
            now = following
    return steps if len(steps) > 1 else []


def _twin(system: str, technique: str, instead: str) -> str:
    return "-".join(instead if word == technique else word for word in system.split("-"))


def right_share(item: Judged, system: str) -> float:
    return float(item["answers"][system]["right"])


def error_rows(scores: Sequence[Score]) -> list[tuple[str, list[float]]]:
    """Percent of the benchmark's questions that went wrong in each way, by system."""
    return [(one.system, [100 * error_share(one, kind) for kind in error_kinds(scores)]) for one in scores]


def constructs_of(items: Sequence[Judged]) -> list[tuple[str, int]]:
    """The APIs, then the constructs that several questions ask for, each with their number."""
    apis = Counter(item["api"] for item in items)
    constructs = Counter(word for item in items for word in item["constructs"])
    return [*sorted(apis.items()), *((name, count) for name, count in constructs.most_common() if count >= FEWEST)]


def construct_rows(systems: Sequence[str], items: Sequence[Judged]) -> list[tuple[str, list[float]]]:
    """Percent of right answers by API and construct, by system."""
    rows = []
    for system in systems:
        mine = [item for item in items if system in item["answers"]]
        asked = [[one for one in mine if name in (one["api"], *one["constructs"])] for name, _ in constructs_of(items)]
        shares = [fmean(right_share(one, system) for one in part) if part else 0.0 for part in asked]
        rows.append((system, [100 * share for share in shares]))
    return rows
