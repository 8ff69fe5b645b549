"""What became of every line of a log: numbers for metrics/filter/<api>.json, and a page to read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from query_assistant.logs.privacy import masked_path


@dataclass
class Outcome:
    """Lines and distinct requests that ended the same way, with up to three of them to look at."""

    lines: int = 0
    distinct: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, lines: int, path: str) -> None:
        """One more request. Only what is shown is masked, which takes longer than to count it."""
        self.lines += lines
        self.distinct += 1
        if len(self.examples) < 3 and (example := masked_path(path)) not in self.examples:
            self.examples.append(example)


@dataclass
class FilterReport:
    """One filter run. Every line is in `broken`, in `noise`, in `fell` or in `kept`.

    noise: by kind (see docs/logs.md). fell: by reason, then by code. The reasons:
      refused     the API would answer 400 or 404
      invalid     what is asked can never be found
      misleading  accepted, but it means something else than it seems to
      no_hits     nothing found, or the page lies behind the last hit
      not_chosen  others of its signature or shape say more
      unreadable  longer than is looked at, personal, or a fault of ours
    signatures: how many there were, and how many kept at least one query.
    set_aside: files of a folder that are no access logs, with the reason.
    """

    api: str
    files: list[dict[str, Any]]
    lines: int
    broken: Outcome
    distinct: int
    noise: dict[str, Outcome]
    canonical: int = 0
    signatures: int = 0
    signatures_kept: int = 0
    fell: dict[str, dict[str, Outcome]] = field(default_factory=dict)
    kept: Outcome = field(default_factory=Outcome)
    emails_removed: int = 0
    encoded_twice: int = 0
    post_parameters: dict[str, dict[str, int]] = field(default_factory=dict)
    set_aside: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def fall(self, reason: str, code: str, lines: int, path: str) -> None:
        self.fell.setdefault(reason, {}).setdefault(code, Outcome()).add(lines, path)

    def metrics(self) -> dict[str, Any]:
        """Numbers only and the same for the same input: fit for `dvc metrics` and for a diff."""
        return {
            "lines": {
                "all": self.lines,
                "broken": self.broken.lines,
                "noise": sum(group.lines for group in self.noise.values()),
                "kept": self.kept.lines,
                "encoded_twice": self.encoded_twice,
                "emails_removed": self.emails_removed,
            },
            "distinct": {"requests": self.distinct, "canonical": self.canonical, "kept": self.kept.distinct},
            "signatures": {"all": self.signatures, "kept": self.signatures_kept},
            "noise": {kind: _numbers(group) for kind, group in sorted(self.noise.items())},
            "fell": {
                reason: {code: _numbers(group) for code, group in sorted(codes.items())}
                for reason, codes in sorted(self.fell.items())
            },
            "files": {
                "read": len(self.files),
                "set_aside": len(self.set_aside),
                "truncated": sum(1 for file in self.files if file.get("truncated")),
            },
        }

    def details(self) -> dict[str, Any]:
        """Metrics with examples, files, times and what bodyless POSTs said in their URLs."""
        return {
            **self.metrics(),
            "files": self.files,
            "set_aside": self.set_aside,
            "examples": {
                "broken": self.broken.examples,
                "noise": {kind: group.examples for kind, group in sorted(self.noise.items())},
                "fell": {
                    f"{reason}.{code}": group.examples
                    for reason, codes in sorted(self.fell.items())
                    for code, group in sorted(codes.items())
                },
            },
            "post_parameters": self.post_parameters,
            "seconds": {name: round(value, 2) for name, value in self.seconds.items()},
        }

    def text(self) -> str:
        """A page for the terminal."""
        return "\n".join(_page(self))


def _numbers(group: Outcome) -> dict[str, int]:
    return {"distinct": group.distinct, "lines": group.lines}


def _page(report: FilterReport) -> Iterable[str]:
    yield f"{report.api}: {report.lines:,} lines in {len(report.files)} files, {report.distinct:,} distinct requests"
    for file in report.files:
        if file.get("truncated"):
            yield f"  {file['name']}: {file['truncated']}; what came before was read"
    for name, reason in report.set_aside.items():
        yield _harmless(f"  {name} set aside: {reason}")
    yield from _table("broken lines", {"broken": report.broken} if report.broken.lines else {})
    yield from _table("noise", report.noise)
    yield f"{report.canonical:,} canonical queries of {report.signatures:,} signatures"
    for reason, codes in sorted(report.fell.items()):
        yield from _table(reason.replace("_", " "), codes)
    kept = report.kept
    yield f"kept {kept.distinct:,} queries of {report.signatures_kept:,} signatures ({kept.lines:,} lines)"
    if report.emails_removed:
        yield f"e-mail addresses cut from {report.emails_removed:,} lines"
    if report.seconds:
        yield "seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in report.seconds.items())


def _table(title: str, groups: dict[str, Outcome]) -> Iterable[str]:
    if groups:
        yield f"{title}:"
    for name, group in sorted(groups.items(), key=lambda item: (-item[1].lines, item[0])):
        example = f"   e.g. {_harmless(group.examples[0][:90])}" if group.examples else ""
        yield f"  {name:<18}{group.lines:>10,} lines {group.distinct:>9,} distinct{example}"


def _harmless(text: str) -> str:
    """Anybody can send a request with a terminal's control codes in it: they are shown, not obeyed."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)
