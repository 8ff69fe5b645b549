"""How sure a score is, and whether one system really beats another.

Scores here are means over test items (shares of right answers, F1 values), so three questions come up:

- how far could this mean move on another sample of the same kind? `bootstrap_intervals`, `wilson_interval`
- do two systems that answered the same items differ by more than luck? `mcnemar` for right or wrong,
  `paired_bootstrap` for any value
- how many of a dozen such comparisons may be believed? `holm`

Every random draw has a generator of its own, made from a seed and the purpose it is drawn for, so that one more
metric never moves another metric's interval.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

_Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Resampling:
    """How often items are drawn anew, and how sure the interval made of that is to be."""

    samples: int = 2000
    confidence: float = 0.95


@dataclass(frozen=True, slots=True)
class ConfidenceInterval:
    """Where the true mean lies, with probability `level` over repeated samples."""

    low: float
    high: float
    level: float = 0.95


@dataclass(frozen=True, slots=True)
class McNemar:
    """`left_only` items were right with the left system alone, `right_only` with the right one alone."""

    left_only: int
    right_only: int
    p_value: float


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Mean of left minus mean of right over the same items; positive: left is better."""

    difference: float
    interval: ConfidenceInterval
    p_value: float


def bootstrap_generator(seed: int, purpose: str) -> np.random.Generator:
    """A random generator for one purpose; the same two arguments always give the same numbers."""
    digest = hashlib.sha256(f"{seed}:{purpose}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def wilson_interval(successes: int, trials: int, level: float = 0.95) -> ConfidenceInterval:
    """ConfidenceInterval of a share, good for few trials and for shares of 0 and 1 (Wilson, 1927, JASA 22).

    Without trials nothing is known: 0 to 1.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials: expected 0 <= successes <= trials")
    if trials == 0:
        return ConfidenceInterval(0.0, 1.0, level)
    found = binomtest(successes, trials).proportion_ci(level, method="wilson")
    return ConfidenceInterval(float(found.low), float(found.high), level)


def bootstrap_intervals(
    metrics: Mapping[str, Sequence[float]],
    *,
    seed: int,
    purpose: str,
    groups: Sequence[Hashable] | None = None,
    resampling: Resampling | None = None,
) -> dict[str, ConfidenceInterval]:
    """Intervals of the means of several metrics that were measured on the same items.

    All metrics see the same resamples, so their intervals may be compared. `groups` names, for each item, what must be
    drawn together: two instructions of one query are one observation, and taking them for two makes intervals too
    narrow. BCa (Efron, 1987) corrects the percentile interval for bias and skewness, which matters for shares near 0
    and 1. Where all values are equal resampling shows nothing, and the Wilson interval of their share stands in.
    """
    if not metrics:
        return {}
    values = np.array([list(column) for column in metrics.values()], dtype=np.float64).T
    sums, counts = _by_group(values, groups)
    chosen = resampling or Resampling()
    draws = _resampled_means(sums, counts, bootstrap_generator(seed, purpose), chosen.samples)
    return {
        name: _interval(values[:, column], draws[:, column], sums[:, column], counts, chosen.confidence)
        for column, name in enumerate(metrics)
    }


def _by_group(values: _Floats, groups: Sequence[Hashable] | None) -> tuple[_Floats, _Floats]:
    """Sums of each metric (groups × metrics) and numbers of items per group, groups in order of appearance."""
    if groups is None:
        return values, np.ones(len(values))
    if len(groups) != len(values):
        raise ValueError(f"{len(groups)} groups for {len(values)} values: expected one for each")
    index = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    which = np.array([index[group] for group in groups], dtype=np.int64)
    sums = np.zeros((len(index), values.shape[1]))
    np.add.at(sums, which, values)
    return sums, np.bincount(which, minlength=len(index)).astype(np.float64)


def _resampled_means(sums: _Floats, counts: _Floats, random: np.random.Generator, resamples: int) -> _Floats:
    """Means of each metric (resamples × metrics) over groups drawn with replacement."""
    if not len(sums):
        return np.zeros((resamples, sums.shape[1]))
    weights = random.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=resamples).astype(np.float64)
    means: _Floats = (weights @ sums) / (weights @ counts)[:, None]
    return means


def _interval(values: _Floats, draws: _Floats, sums: _Floats, counts: _Floats, level: float) -> ConfidenceInterval:
    if len(values) == 0 or (values.min() == values.max() and values[0] in (0.0, 1.0)):
        return wilson_interval(int(values.sum()), len(values), level)
    if draws.min() == draws.max():
        return ConfidenceInterval(float(draws[0]), float(draws[0]), level)
    low, high = np.quantile(draws, _corrected_tails(level, draws, sums, counts))
    return ConfidenceInterval(float(low), float(high), level)


def _corrected_tails(level: float, draws: _Floats, sums: _Floats, counts: _Floats) -> tuple[float, float]:
    """BCa's percentiles: Φ(z₀ + (z₀ + z) / (1 - a(z₀ + z))), z₀ the bias, a the acceleration of the jackknife.

    Draws equal to the observed mean count half, since means of few distinct values tie often.
    """
    normal, observed = NormalDist(), sums.sum() / counts.sum()
    close = np.isclose(draws, observed)
    below = (np.count_nonzero((draws < observed) & ~close) + 0.5 * np.count_nonzero(close)) / len(draws)
    bias = normal.inv_cdf(min(max(below, 1 / len(draws)), 1 - 1 / len(draws)))
    acceleration = _acceleration(sums, counts)

    def corrected(tail: float) -> float:
        z = bias + normal.inv_cdf(tail)
        return normal.cdf(bias + z / (1 - acceleration * z))

    return corrected((1 - level) / 2), corrected((1 + level) / 2)


def _acceleration(sums: _Floats, counts: _Floats) -> float:
    """Skewness of the leave-one-group-out means over six: 0 where they are all the same."""
    if len(sums) < 2:
        return 0.0
    without = (sums.sum() - sums) / (counts.sum() - counts)
    gaps = without.mean() - without
    spread = float((gaps**2).sum())
    return float((gaps**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0


def mcnemar(left: Sequence[bool], right: Sequence[bool]) -> McNemar:
    """Exact two-sided McNemar test of two systems that were right or wrong on the same items.

    Only items on which they disagree say anything: under luck alone each falls to either side with probability ½, so
    p is that of the exact binomial test of `left_only` among them; 1 where they never disagree.
    """
    _same_length(left, right)
    left_only = sum(1 for one, other in zip(left, right, strict=True) if one and not other)
    right_only = sum(1 for one, other in zip(left, right, strict=True) if other and not one)
    disagreements = left_only + right_only
    p_value = float(binomtest(left_only, disagreements).pvalue) if disagreements else 1.0
    return McNemar(left_only, right_only, p_value)


def paired_bootstrap(
    left: Sequence[float],
    right: Sequence[float],
    *,
    seed: int,
    purpose: str,
    groups: Sequence[Hashable] | None = None,
    resamples: int = 5000,
) -> PairedDifference:
    """Difference of two means over the same items, its 95% percentile interval and a two-sided p-value.

    p is twice the share of resamples in which the sign turns over, no effect counting for half, and never below
    1 / (resamples + 1): a finite number of draws cannot show more (Davison and Hinkley, 1997, section 4.2).
    """
    _same_length(left, right)
    if not left:
        return PairedDifference(0.0, ConfidenceInterval(-1.0, 1.0), 1.0)
    gaps = np.asarray(left, dtype=np.float64) - np.asarray(right, dtype=np.float64)
    sums, counts = _by_group(gaps[:, None], groups)
    draws = _resampled_means(sums, counts, bootstrap_generator(seed, purpose), resamples)[:, 0]
    low, high = np.quantile(draws, (0.025, 0.975))
    against = min(_share_not_above(draws), _share_not_above(-draws))
    p_value = min(1.0, 2 * (against * resamples + 0.5) / (resamples + 1))
    return PairedDifference(float(gaps.mean()), ConfidenceInterval(float(low), float(high)), p_value)


def _share_not_above(draws: _Floats) -> float:
    return float(np.mean(draws < 0) + 0.5 * np.mean(draws == 0))


def _same_length(left: Sequence[object], right: Sequence[object]) -> None:
    if len(left) != len(right):
        raise ValueError(f"{len(left)} and {len(right)} values: a paired test needs the same items on both sides")


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """The p-values corrected for their number (Holm, 1979): below 0.05 there, all such claims hold at 5% together.

    The i-th smallest of m is multiplied by m - i + 1 and never falls below the one before it.
    """
    corrected: dict[str, float] = {}
    floor = 0.0
    for rank, (name, value) in enumerate(sorted(p_values.items(), key=lambda item: (item[1], item[0]))):
        floor = max(floor, min(1.0, (len(p_values) - rank) * value))
        corrected[name] = floor
    return {name: corrected[name] for name in p_values}
