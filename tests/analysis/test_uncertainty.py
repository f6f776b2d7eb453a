"""Propagation against published worked examples and an independent package.

JCGM 100:2008 annex H, JCGM 101:2008 clause 9, EA-4/02 table of k.
"""

import math

import numpy as np
import pytest
import uncertainties
from hypothesis import given, settings
from hypothesis import strategies as st
from uncertainties import umath

from harness.analysis.estimate import (
    QUANTILES_AT,
    Contribution,
    Estimate,
    coverage_factor,
)
from harness.analysis.quality import difference, scaled, share_of
from harness.analysis.uncertainty import (
    Input,
    Shape,
    agree,
    draw,
    linear,
    monte_carlo,
    propagate,
    spread_of,
)

NM_PER_M = 1e9


def gauge_block(standard, apart, heat, warm, expands, alike):
    """JCGM 100:2008, H.1: length of an end gauge, in nm."""
    return standard + apart - standard * (alike * heat + expands * warm)


END_GAUGE = (
    Input("length of the standard", 50_000_623.0, 25.0, "B", "certificate", 18),
    Input("difference", 215.0, 9.7, "A", "comparator", 25.6),
    Input("temperature", -0.1, 0.41),
    Input("temperature apart", 0.0, 0.029, "B", "", 2),
    Input("expansion", 11.5e-6, 1.2e-6),
    Input("expansion apart", 0.0, 0.58e-6, "B", "", 50),
)


def test_the_end_gauge_of_the_guide():
    got = linear(gauge_block, END_GAUGE, "nm")
    assert got.value == pytest.approx(50_000_838, abs=1)
    assert got.u == pytest.approx(32, abs=0.5)
    assert got.dof == pytest.approx(16.7, abs=0.5)
    # H.1.6: U99 = t99(16)·u = 2.92 × 32 nm = 93 nm.
    assert coverage_factor(16, 0.99) * got.u == pytest.approx(93, abs=1)
    lines = {line.name: line.u for line in got.budget}
    assert lines["expansion apart"] == pytest.approx(2.9, abs=0.1)
    assert lines["temperature apart"] == pytest.approx(16.6, abs=0.2)


# JCGM 100:2008, H.2, table H.2: five simultaneous observations.
VOLTS = np.array([5.007, 4.994, 5.005, 4.990, 4.999])
AMPERES = 1e-3 * np.array([19.663, 19.639, 19.640, 19.685, 19.678])
RADIANS = np.array([1.0456, 1.0438, 1.0468, 1.0428, 1.0433])
OBSERVED = {"V": VOLTS, "I": AMPERES, "phi": RADIANS}


def of_observations():
    inputs = [
        Input(name, float(x.mean()), float(x.std(ddof=1) / math.sqrt(x.size)), "A")
        for name, x in OBSERVED.items()
    ]
    names = list(OBSERVED)
    r = np.corrcoef(np.stack([*OBSERVED.values()]))
    pairs = {
        (names[i], names[j]): float(r[i, j]) for i in range(3) for j in range(i + 1, 3)
    }
    return inputs, pairs


IMPEDANCE = {
    "R": (lambda v, i, phi: v / i * np.cos(phi), 127.732, 0.071),
    "X": (lambda v, i, phi: v / i * np.sin(phi), 219.847, 0.295),
    "Z": (lambda v, i, phi: v / i + 0 * phi, 254.260, 0.236),
}


@pytest.mark.parametrize("name", IMPEDANCE)
def test_correlated_observations_of_the_guide(name):
    model, value, u = IMPEDANCE[name]
    inputs, pairs = of_observations()
    got = linear(model, inputs, "Ω", correlations=pairs)
    assert got.value == pytest.approx(value, abs=0.001)
    assert got.u == pytest.approx(u, abs=0.0015)
    # Without the correlations it would be another number: they matter.
    assert abs(linear(model, inputs, "Ω").u - u) > 0.02
    drawn = monte_carlo(model, inputs, "Ω", correlations=pairs)
    assert drawn.u == pytest.approx(u, rel=0.01)


def test_four_even_errors_are_narrower_in_the_tails_than_a_normal():
    # JCGM 101:2008, 9.2.3: 95 % between -3.88 and 3.88, linear -3.92 to 3.92.
    inputs = [Input(f"X{n}", 0.0, 1.0, shape=Shape.RECTANGULAR) for n in range(4)]
    drawn = monte_carlo(lambda *x: sum(x), inputs, "1", draws=400_000)
    assert drawn.u == pytest.approx(2.0, abs=0.01)
    at = QUANTILES_AT.index(0.03), QUANTILES_AT.index(0.5)
    assert drawn.spread.quantiles[at[1]] == pytest.approx(0.0, abs=0.02)
    low, high = drawn.spread.interval
    assert high == pytest.approx(-low, abs=0.05)
    assert high == pytest.approx(3.94, abs=0.04)  # 95.45 %, normal would be 4.00
    assert agree(linear(lambda *x: sum(x), inputs, "1"), drawn) is False


def test_one_dominant_even_error_makes_the_linear_interval_far_too_wide():
    # JCGM 101:2008, 9.2.4: linear ± 19.9, Monte Carlo ± 17.0 (at 95 %).
    inputs = [Input(f"X{n}", 0.0, 1.0, shape=Shape.RECTANGULAR) for n in range(3)]
    inputs.append(Input("X4", 0.0, 10.0, shape=Shape.RECTANGULAR))
    got = propagate(lambda *x: sum(x), inputs, "1")
    assert got.u == pytest.approx(10.1, abs=0.1)
    assert got.spread is not None
    assert got.spread.interval[1] == pytest.approx(17.1, abs=0.2)
    assert got.coverage * got.u == pytest.approx(20.3, abs=0.1)


def mass(weight, apart, air, density, reference):
    """JCGM 101:2008, 9.3: deviation of a weight from 100 g, in mg."""
    buoyancy = (air - 1.2) * (1 / density - 1 / reference)
    return (weight + apart) * (1 + buoyancy) - 100_000


def even(name, low, high):
    return Input(
        name, (low + high) / 2, (high - low) / math.sqrt(12), shape=Shape.RECTANGULAR
    )


WEIGHT = (
    Input("weight", 100_000.0, 0.050),
    Input("apart", 1.234, 0.020),
    even("air", 1.10, 1.30),
    even("density", 7000, 9000),
    even("reference", 7950, 8050),
)


def test_a_product_of_errors_that_the_first_order_does_not_see():
    # JCGM 101:2008, table 6: first order 0.0539, Monte Carlo 0.0754 [1.083, 1.383].
    first, drawn = linear(mass, WEIGHT, "mg"), monte_carlo(mass, WEIGHT, "mg")
    assert first.u == pytest.approx(0.0539, abs=0.0002)
    assert drawn.value == pytest.approx(1.234, abs=0.001)
    assert drawn.u == pytest.approx(0.0754, abs=0.0005)
    low, high = drawn.spread.interval
    assert (low, high) == pytest.approx((1.079, 1.388), abs=0.005)  # at 95.45 %
    assert propagate(mass, WEIGHT, "mg").spread is not None


@pytest.mark.parametrize(
    ("x1", "value", "u"), [(0.0, 50, 50), (0.010, 150, 112), (0.050, 2551, 502)]
)
def test_a_loss_that_cannot_be_negative(x1, value, u):
    # JCGM 101:2008, tables 10 and 11 (uncorrelated), in units of 1e-6.
    inputs = [Input("X1", x1, 0.005), Input("X2", 0.0, 0.005)]
    got = propagate(lambda a, b: 1e6 * (a * a + b * b), inputs, "1e-6")
    assert got.spread is not None
    assert got.value == pytest.approx(value, rel=0.01)
    assert got.spread.quantiles[0] >= 0.0


def test_both_ways_agree_where_both_apply():
    inputs = [Input("a", 3.0, 0.1), Input("b", 5.0, 0.2), Input("c", -1.0, 0.05)]
    got = propagate(lambda a, b, c: 2 * a - b + 4 * c, inputs, "1")
    assert got.spread is None
    assert got.u == pytest.approx(math.sqrt(0.2**2 + 0.2**2 + 0.2**2))


def test_the_coverage_factors_of_the_published_table():
    # EA-4/02 M:2022, table E.1, for 95.45 %.
    table = {1: 13.97, 2: 4.53, 3: 3.31, 4: 2.87, 5: 2.65, 6: 2.52, 7: 2.43, 8: 2.37}
    table |= {10: 2.28, 20: 2.13, 50: 2.05, math.inf: 2.0}
    for dof, k in table.items():
        assert coverage_factor(dof) == pytest.approx(k, abs=0.005)


small = st.floats(0.01, 1.0)
level = st.floats(1.0, 10.0)
share = st.floats(-0.6, 0.9)


@settings(max_examples=50, deadline=None)
@given(level, level, level, small, small, small, share)
def test_the_same_as_the_uncertainties_package(a, b, c, ua, ub, uc, r):
    inputs = [Input("a", a, ua / 20), Input("b", b, ub / 20), Input("c", c, uc / 20)]
    got = linear(
        lambda x, y, z: x * y / z + np.sqrt(x),
        inputs,
        "1",
        correlations={("a", "b"): r},
    )
    matrix = np.array([[1, r, 0], [r, 1, 0], [0, 0, 1.0]])
    x, y, z = uncertainties.correlated_values_norm(
        [(one.value, one.u) for one in inputs], matrix
    )
    theirs = x * y / z + umath.sqrt(x)
    assert got.value == pytest.approx(theirs.nominal_value, rel=1e-9)
    assert got.u == pytest.approx(theirs.std_dev, rel=1e-5)


@settings(max_examples=30, deadline=None)
@given(level, level, small, small)
def test_sums_shares_and_differences_are_those_of_the_package(a, b, ua, ub):
    one = Estimate(a, "W", (Contribution("x", ua),))
    other = Estimate(b, "W", (Contribution("y", ub),))
    x, y = uncertainties.ufloat(a, ua), uncertainties.ufloat(b, ub)
    for ours, theirs in (
        (difference(one, other), x - y),
        (scaled(one, -3.5, "J"), -3.5 * x),
        (share_of(one, other), 100 * x / y),
    ):
        assert ours.value == pytest.approx(theirs.nominal_value)
        assert ours.u == pytest.approx(theirs.std_dev)


@pytest.mark.parametrize("shape", Shape)
def test_every_shape_has_the_standard_deviation_it_was_given(shape):
    found = draw(np.random.default_rng(1), shape, 2.5, 200_000)
    assert found.std() == pytest.approx(2.5, rel=0.01)
    assert found.mean() == pytest.approx(0.0, abs=0.03)
    if shape is not Shape.NORMAL:
        reach = {"rectangular": 3, "triangular": 6, "arcsine": 2}[shape]
        assert np.abs(found).max() <= 2.5 * math.sqrt(reach)


def test_few_degrees_of_freedom_are_drawn_wider():
    found = draw(np.random.default_rng(1), Shape.NORMAL, 1.0, 200_000, dof=5)
    assert found.std() == pytest.approx(math.sqrt(5 / 3), rel=0.03)


def test_full_correlation_adds_linearly_and_opposes_to_nothing():
    inputs = [Input("a", 1.0, 0.3), Input("b", 2.0, 0.4)]
    for r, u in ((1.0, 0.7), (-1.0, 0.1), (0.0, 0.5)):
        pairs = {("a", "b"): r}
        got = linear(lambda a, b: a + b, inputs, "1", correlations=pairs)
        drawn = monte_carlo(lambda a, b: a + b, inputs, "1", correlations=pairs)
        assert got.u == pytest.approx(u)
        assert drawn.u == pytest.approx(u, rel=0.01)


def test_the_same_draws_give_the_same_answer():
    one, other = (monte_carlo(mass, WEIGHT, "mg", draws=1000) for _ in range(2))
    assert one == other


@pytest.mark.parametrize(
    ("inputs", "correlations", "says"),
    [
        ([Input("a", 1, 0.1), Input("a", 2, 0.1)], None, "share a name"),
        ([Input("a", 1, -0.1)], None, "negative"),
        ([Input("a", 1, math.nan)], None, "negative or not a number"),
        ([Input("a", 1, 1), Input("b", 1, 1)], {("a", "c"): 0.5}, "no two inputs"),
        ([Input("a", 1, 1), Input("b", 1, 1)], {("a", "b"): 1.5}, "cannot all hold"),
        (
            [Input(n, 1, 1) for n in "abc"],
            {("a", "b"): 0.9, ("b", "c"): 0.9, ("a", "c"): -0.9},
            "cannot all hold",
        ),
    ],
)
def test_what_cannot_be_propagated_is_refused(inputs, correlations, says):
    def model(*x):
        return sum(x)

    with pytest.raises(ValueError, match=says):
        linear(model, inputs, "1", correlations=correlations)
    with pytest.raises(ValueError, match=says):
        monte_carlo(model, inputs, "1", correlations=correlations, draws=10)


def test_correlation_is_for_normal_inputs_and_draws_are_numbers():
    inputs = [Input("a", 1, 1), Input("b", 1, 1, shape=Shape.RECTANGULAR)]
    with pytest.raises(ValueError, match="b is correlated but not normal"):
        monte_carlo(lambda a, b: a + b, inputs, "1", correlations={("a", "b"): 0.5})
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(ValueError, match="gave"),
    ):
        monte_carlo(lambda a: np.sqrt(a - 10), [Input("a", 1, 1)], "1", draws=10)
    with pytest.raises(ValueError, match="not numbers"):
        spread_of(np.array([1.0, math.nan]))
    with pytest.raises(ValueError, match="0 draws"):
        spread_of(np.array([]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=1, max_size=50), st.floats(-120, 120))
def test_a_spread_is_a_distribution(draws, limit):
    spread = spread_of(np.array(draws))
    below, above = spread.at_most(limit), spread.at_least(limit)
    assert 0.0 <= below <= 1.0
    assert below + above >= 1.0 - 1e-9  # what lies on the limit counts on both sides
    assert spread.at_most(max(draws)) == 1.0
    assert spread.at_least(min(draws)) == 1.0
    assert min(draws) <= spread.interval[0] <= spread.interval[1] <= max(draws)
