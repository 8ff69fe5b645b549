from __future__ import annotations

from statistics import NormalDist, mean

import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy.stats import bootstrap

from query_assistant.statistics import (
    ConfidenceInterval,
    McNemar,
    Resampling,
    bootstrap_generator,
    bootstrap_intervals,
    holm,
    mcnemar,
    paired_bootstrap,
    wilson_interval,
)

LEVELS = some.sampled_from([0.8, 0.95, 0.99])
FLAGS = some.lists(some.booleans(), min_size=1, max_size=60)


def share(flags: list[bool], **options: object) -> ConfidenceInterval:
    values = [float(flag) for flag in flags]
    return bootstrap_intervals({"x": values}, seed=1, purpose="test", **options)["x"]  # type: ignore[arg-type]


def test_wilson_interval_is_the_published_one():
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3: 81/263, 15/148, 0/20, 1/29.
    published = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0.0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    found = {case: wilson_interval(*case) for case in published}
    assert {case: (round(i.low, 4), round(i.high, 4)) for case, i in found.items()} == published


def test_wilson_interval_without_trials_knows_nothing():
    assert wilson_interval(0, 0) == ConfidenceInterval(0.0, 1.0)


def test_wilson_interval_refuses_impossible_counts():
    with pytest.raises(ValueError, match="5 successes in 4 trials"):
        wilson_interval(5, 4)


@given(FLAGS, LEVELS)
def test_wilson_interval_holds_the_share(flags, level):
    interval = wilson_interval(sum(flags), len(flags), level)
    assert 0 <= interval.low <= sum(flags) / len(flags) + 1e-12
    assert sum(flags) / len(flags) - 1e-12 <= interval.high <= 1


def test_generator_depends_on_seed_and_purpose_alone():
    first = bootstrap_generator(7, "bootstrap").integers(1 << 30, size=4).tolist()
    assert bootstrap_generator(7, "bootstrap").integers(1 << 30, size=4).tolist() == first
    assert bootstrap_generator(8, "bootstrap").integers(1 << 30, size=4).tolist() != first
    assert bootstrap_generator(7, "split").integers(1 << 30, size=4).tolist() != first


@given(FLAGS)
def test_bootstrap_interval_holds_the_mean_and_stays_within_the_values(flags):
    interval = share(flags, resampling=Resampling(200))
    assert 0 <= interval.low <= interval.high <= 1
    if len(flags) > 5:
        assert interval.low <= sum(flags) / len(flags) <= interval.high


def test_bootstrap_interval_agrees_with_the_normal_one_where_that_is_good():
    flags = [True] * 300 + [False] * 412
    p, n = 300 / 712, 712
    half = NormalDist().inv_cdf(0.975) * (p * (1 - p) / n) ** 0.5
    found = share(flags, resampling=Resampling(4000))
    assert (found.low, found.high) == pytest.approx((p - half, p + half), abs=0.005)


def test_bootstrap_interval_of_a_skewed_sample_is_the_bca_of_scipy():
    values = [float(number**3) for number in range(30)]
    found = bootstrap_intervals({"x": values}, seed=1, purpose="skew", resampling=Resampling(20_000))["x"]
    known = bootstrap((values,), mean, n_resamples=20_000, method="BCa", rng=1).confidence_interval
    assert (found.low, found.high) == pytest.approx((known.low, known.high), rel=0.02)
    half = (found.high - found.low) / 2
    assert found.high - mean(values) > half > mean(values) - found.low


def test_more_confidence_is_a_wider_interval_and_more_samples_another_one():
    flags = [True, False, True, True, False, False, True, False] * 5
    sure, usual = (share(flags, resampling=Resampling(confidence=level)) for level in (0.99, 0.8))
    assert (sure.level, usual.level) == (0.99, 0.8)
    assert sure.low < usual.low < usual.high < sure.high
    assert share(flags, resampling=Resampling(300)) != share(flags)


def test_equal_outcomes_get_the_wilson_interval_and_not_a_point():
    assert share([False] * 20) == wilson_interval(0, 20)
    assert share([True] * 20) == wilson_interval(20, 20)
    assert share([]) == ConfidenceInterval(0.0, 1.0)


def test_one_metric_more_never_moves_the_others():
    columns = {"a": [0.0, 1.0, 1.0, 0.0, 1.0], "b": [1.0, 0.0, 0.5, 0.0, 0.0]}
    alone = bootstrap_intervals({"a": columns["a"]}, seed=3, purpose="p")
    assert bootstrap_intervals(columns, seed=3, purpose="p")["a"] == alone["a"]


def test_items_of_one_group_count_as_one_observation():
    flags = [True, False, True, True, False, False, True, False] * 5
    doubled = [flag for flag in flags for _ in range(4)]
    groups = [number for number in range(len(flags)) for _ in range(4)]
    alone, grouped, naive = share(flags), share(doubled, groups=groups), share(doubled)
    assert grouped == alone
    assert naive.high - naive.low < 0.7 * (alone.high - alone.low)


def test_bootstrap_refuses_groups_of_another_length():
    with pytest.raises(ValueError, match="2 groups for 3 values"):
        share([True, False, True], groups=["a", "b"])


def test_mcnemar_is_the_exact_binomial_test_of_the_disagreements():
    left = [True] * 10 + [False] * 2 + [True] * 30 + [False] * 30
    right = [False] * 10 + [True] * 2 + [True] * 30 + [False] * 30
    # 2 * (C(12,0) + C(12,1) + C(12,2)) / 2**12 = 158 / 4096
    assert mcnemar(left, right) == McNemar(10, 2, pytest.approx(158 / 4096))  # type: ignore[arg-type]


def test_systems_that_never_disagree_do_not_differ():
    assert mcnemar([True, False], [True, False]) == McNemar(0, 0, 1.0)
    assert mcnemar([], []) == McNemar(0, 0, 1.0)


@given(some.lists(some.tuples(some.booleans(), some.booleans()), max_size=200))
def test_mcnemar_does_not_depend_on_the_side(pairs):
    left, right = [one for one, _ in pairs], [other for _, other in pairs]
    forth, back = mcnemar(left, right), mcnemar(right, left)
    assert (forth.left_only, forth.right_only, forth.p_value) == (back.right_only, back.left_only, back.p_value)
    assert 0 < forth.p_value <= 1


def test_paired_tests_refuse_other_items():
    with pytest.raises(ValueError, match="same items on both sides"):
        mcnemar([True], [True, False])
    with pytest.raises(ValueError, match="same items on both sides"):
        paired_bootstrap([1.0], [1.0, 0.0], seed=1, purpose="p")


def test_paired_bootstrap_sees_a_small_but_steady_difference():
    left = [0.1 * (item % 10) + 0.05 for item in range(100)]
    right = [0.1 * (item % 10) for item in range(100)]
    found = paired_bootstrap(left, right, seed=1, purpose="p", resamples=999)
    assert found.difference == pytest.approx(0.05)
    assert (found.interval.low, found.interval.high) == pytest.approx((0.05, 0.05))
    assert found.p_value == pytest.approx(0.001)


def test_paired_bootstrap_finds_nothing_between_a_system_and_itself():
    values = [float(item % 3 == 0) for item in range(50)]
    found = paired_bootstrap(values, values, seed=1, purpose="p")
    assert (found.difference, found.p_value) == (0.0, 1.0)
    assert found.interval == ConfidenceInterval(0.0, 0.0)


def test_paired_bootstrap_and_mcnemar_agree_roughly_on_right_and_wrong():
    left, right = [True] * 40 + [False] * 60, [True] * 25 + [False] * 75
    exact = mcnemar(left, right).p_value
    drawn = paired_bootstrap([float(x) for x in left], [float(x) for x in right], seed=1, purpose="p")
    assert exact < 0.001
    assert drawn.p_value < 0.001
    assert drawn.difference == pytest.approx(0.15)


def test_holm_is_the_worked_example_of_the_step_down_rule():
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert found == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})


@given(some.dictionaries(some.text(max_size=3), some.floats(0, 1), max_size=12))
def test_holm_never_lowers_a_p_value_nor_changes_their_order(p_values):
    corrected = holm(p_values)
    assert all(p_values[name] <= corrected[name] <= 1 for name in p_values)
    ranked = sorted(p_values, key=lambda name: (p_values[name], name))
    assert [corrected[name] for name in ranked] == sorted(corrected.values())
