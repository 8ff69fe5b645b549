"""What became of each file of the prototype's folder."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

Fate = Literal["brought", "left", "refused"]
HEADINGS: dict[Fate, str] = {
    "brought": "brought over",
    "refused": "refused or damaged",
    "left": "left where it is",
}


@dataclass(frozen=True)
class FileFate:
    """One file: `name` as the prototype called it, the archive before a `!`; `what` says why, or what it has become."""

    name: str
    fate: Fate
    what: str
    targets: tuple[str, ...] = ()


@dataclass
class ImportReport:
    """Every file that was found, once."""

    entries: list[FileFate] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether nothing was refused."""
        return all(entry.fate != "refused" for entry in self.entries)

    def details(self) -> dict[str, Any]:
        """The same for programs."""
        files = [{"file": one.name, "fate": one.fate, "what": one.what, "targets": one.targets} for one in self.entries]
        return {"files": files, "counts": Counter(entry.fate for entry in self.entries)}

    def text(self) -> str:
        """Lines for people: what was brought over first, what was left by its reason, counted."""
        lines = []
        for fate in ("brought", "refused"):
            for entry in (one for one in self.entries if one.fate == fate):
                lines.append(f"{HEADINGS[fate]}: {entry.name}: {entry.what}")
                lines += [f"    {target}" for target in entry.targets]
        reasons: dict[str, list[str]] = {}
        for entry in (one for one in self.entries if one.fate == "left"):
            reasons.setdefault(entry.what, []).append(entry.name)
        for what, names in reasons.items():
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            lines.append(f"{HEADINGS['left']}: {', '.join(names[:3])}{more}: {what}")
        counts = Counter(entry.fate for entry in self.entries)
        return "\n".join([*lines, ", ".join(f"{counts[fate]} {heading}" for fate, heading in HEADINGS.items())])
