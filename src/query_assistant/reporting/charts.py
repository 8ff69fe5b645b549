"""Charts for the page: SVG in the page's own colours, drawn to stretch, with the figures as text beside them.

Every text is escaped; a chart has a name for those who hear the page instead of seeing it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT, MARGIN = 640, 300, 52  # of charts with two axes
TICKS = 5


@dataclass(frozen=True)
class Bar:
    """One line of a chart of intervals, in percent or points; `dots` are the single values that it is the mean of."""

    label: str
    value: float
    low: float
    high: float
    dots: tuple[float, ...] = ()
    note: str = ""

    @property
    def said(self) -> str:
        """The figures as text: `75.4 (69.8 to 80.8)`."""
        sign = "+" if self.note else ""
        return f"{self.value:{sign}.1f} ({self.low:{sign}.1f} to {self.high:{sign}.1f})"


def interval_line(bar: Bar, least: float, most: float) -> Markup:
    """A dot on its interval between the ends of a scale, and the zero where the scale holds it inside."""
    lines = [_stroke("axis", least, most, least, most)]
    if least < 0 < most:
        lines.append(Markup('<path class="zero" d="M{0} 0V20"/>').format(_place(0, least, most)))
    lines += [_point("single", value, least, most) for value in bar.dots]
    lines += [_stroke("interval", bar.low, bar.high, least, most), _point("mean", bar.value, least, most)]
    svg = Markup('<svg class="line" viewBox="0 0 100 20" preserveAspectRatio="none" aria-hidden="true">{}</svg>')
    return svg.format(Markup("").join(lines))


def floating_bar(before: float, after: float, kind: str) -> Markup:
    """A bar from one share to another on a scale of 0 to 100: a step of a waterfall; `kind` gives its colour."""
    lines = [_stroke("axis", 0, 100, 0, 100), _stroke(f"step {kind}", min(before, after), max(before, after), 0, 100)]
    svg = Markup('<svg class="line" viewBox="0 0 100 20" preserveAspectRatio="none" aria-hidden="true">{}</svg>')
    return svg.format(Markup("").join(lines))


def _place(value: float, least: float, most: float) -> str:
    return f"{100 * (value - least) / (most - least):.2f}"


def _stroke(kind: str, low: float, high: float, least: float, most: float) -> Markup:
    return Markup('<path class="{}" d="M{} 10H{}"/>').format(kind, _place(low, least, most), _place(high, least, most))


def _point(kind: str, value: float, least: float, most: float) -> Markup:
    """A stroke without length and with a round end: a dot, however the drawing is stretched."""
    return Markup('<path class="{}" d="M{} 10h0"/>').format(kind, _place(value, least, most))


def scatter(points: Sequence[tuple[str, float, float]], x_label: str, y_label: str) -> Markup:
    """A numbered dot for each (label, x, y); the numbers are explained below it."""
    frame = _Frame(max(x for _, x, _ in points), max(y for _, _, y in points))
    dot = Markup('<circle class="mean" cx="{}" cy="{}" r="5"><title>{}</title></circle><text x="{}" y="{}">{}</text>')
    dots = [
        dot.format(frame.x(x), frame.y(y), label, frame.x(x) + 9, frame.y(y) + 5, number)
        for number, (label, x, y) in enumerate(points, start=1)
    ]
    return frame.drawn(f"{y_label} against {x_label}", Markup("").join(dots), x_label, y_label)


def curves(series: Mapping[str, Sequence[tuple[float, float]]], x_label: str, y_label: str) -> Markup:
    """A line for each series that has points, named where it ends."""
    known = {name: points for name, points in series.items() if points}
    frame = _Frame(
        max(x for points in known.values() for x, _ in points), max(y for points in known.values() for _, y in points)
    )
    lines = []
    for number, (name, points) in enumerate(known.items()):
        path = "L".join(f"{frame.x(x):.1f} {frame.y(y):.1f}" for x, y in points)
        end_x, end_y = frame.x(points[-1][0]), frame.y(points[-1][1])
        dots = Markup('<circle class="dot{0}" cx="{1}" cy="{2}" r="4"/>').format(number, end_x, end_y)
        text = Markup('<text x="{0}" y="{1}" text-anchor="end">{2}</text>').format(end_x, end_y - 9, name)
        lines.append(Markup('<path class="curve{0}" d="M{1}"/>').format(number, path) + dots + text)
    return frame.drawn(f"{y_label} by {x_label}", Markup("").join(lines), x_label, y_label)


class _Frame:
    """Two axes from zero to a round number beyond the largest values."""

    def __init__(self, most_x: float, most_y: float) -> None:
        self._step_x, self._step_y = _round_step(most_x), _round_step(most_y)
        self._most_x = self._step_x * math.ceil(most_x / self._step_x)
        self._most_y = self._step_y * math.ceil(most_y / self._step_y)

    def x(self, value: float) -> float:
        return round(MARGIN + (WIDTH - 2 * MARGIN) * value / self._most_x, 1)

    def y(self, value: float) -> float:
        return round(HEIGHT - MARGIN - (HEIGHT - 1.5 * MARGIN) * value / self._most_y, 1)

    def drawn(self, name: str, inside: Markup, x_label: str, y_label: str) -> Markup:
        low, left = self.y(0), self.x(0)
        across = Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>')
        up = Markup('<text x="{}" y="{}" text-anchor="end">{}</text>')
        ticks = [across.format(self.x(at), low + 18, f"{at:g}") for at in _ticks(self._most_x, self._step_x)]
        ticks += [up.format(left - 7, self.y(at) + 4, f"{at:g}") for at in _ticks(self._most_y, self._step_y)]
        return Markup(
            '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">'
            '<path class="axis" d="M{} {}V{}H{}"/>{}{}'
            '<text x="{}" y="{}" text-anchor="middle">{}</text><text x="4" y="14">{}</text></svg>'
        ).format(
            WIDTH, HEIGHT, name, left, self.y(self._most_y), low, self.x(self._most_x), Markup("").join(ticks), inside,
            WIDTH / 2, HEIGHT - 8, x_label, y_label,
        )  # fmt: skip


def _round_step(most: float) -> float:
    """1, 2 or 5 times a power of ten, of which about `TICKS` make the whole."""
    least = (most or 1.0) / TICKS
    power = math.pow(10, math.floor(math.log10(least)))
    return next(power * times for times in (1, 2, 5, 10) if power * times >= least)


def _ticks(most: float, step: float) -> list[float]:
    return [round(step * number, 10) for number in range(round(most / step) + 1)]
