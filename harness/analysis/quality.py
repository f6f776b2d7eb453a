"""How well a meter knows what it shows, and the parts of an uncertainty budget."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypedDict, Unpack

from harness.analysis.estimate import Contribution, Estimate, Spread
from harness.analysis.uncertainty import Shape

GAIN = "meter gain"
OFFSET = "meter offset and resolution"
UPDATE = "meter update interval"
LATENCY = "meter latency"
SAMPLING = "sampling interval"
CROSSING = "meter error at the band's edge"
CLOCK = "clock"
SCATTER = "scatter"
BASELINE = "power before the event"


@dataclass(frozen=True, slots=True)
class MeterQuality:
    """What is known of a meter's error, all as standard uncertainties (k = 1)."""

    source: str
    """Where it comes from: a certificate with its date, or an accuracy class."""
    relative_u: float = 0.0
    """Gain error, as a share of the reading. The same for every reading."""
    absolute_u_w: float = 0.0
    """Offset, noise and resolution together. [W]"""
    update_interval_s: float = 0.0
    """How long the meter shows a value before it shows the next. [s]"""
    latency_s: float = 0.0
    """Known age of a value at the moment it first shows; corrected for. [s]"""
    latency_u_s: float = 0.0
    """Standard uncertainty of that age. [s]"""
    clock_u_s: float = 0.0
    """Standard uncertainty of the sample times against the bench clock. [s]"""
    relative_shape: Shape = Shape.NORMAL
    """How that error is spread: evenly within a class, normal by a certificate."""

    def power_u_w(self, power_w: float) -> float:
        """Return the standard uncertainty of a reading of this power. [W]"""
        return math.hypot(self.relative_u * power_w, self.absolute_u_w)


def rectangular_u(half_width: float) -> float:
    """Return the standard uncertainty of an even spread (JCGM 100:2008, 4.3.7)."""
    return half_width / math.sqrt(3)


def one_sided_u(width: float) -> float:
    """Return the standard uncertainty of a value taken at the end of its interval.

    The truth lies evenly anywhere in `width` to one side. The value is left at the
    cautious end instead of being moved to the middle, and the shift counts as
    uncertainty: √(variance + shift²) = width/√3 (JCGM 100:2008, F.2.4.5).
    """
    return width / math.sqrt(3)


class Timing(TypedDict, total=False):
    """What is known of when a meter shows what; see `MeterQuality`. [s]"""

    update_interval_s: float
    latency_s: float
    latency_u_s: float
    clock_u_s: float


def of_class(
    percent: float,
    *,
    source: str,
    resolution_w: float = 0.0,
    **timing: Unpack[Timing],
) -> MeterQuality:
    """Return the quality of a meter known only by its accuracy class.

    Parameters
    ----------
    percent : float
        Largest error that the class allows, as a percentage of the reading; the
        error may lie anywhere inside (rectangular). [%]
    source : str
        The class and the document that defines it.
    resolution_w : float
        One step of the display. [W]
    **timing : float
        ``update_interval_s``, ``latency_s``, ``latency_u_s``, ``clock_u_s``. [s]
    """
    return MeterQuality(
        source=source,
        relative_u=rectangular_u(percent / 100),
        relative_shape=Shape.RECTANGULAR,
        absolute_u_w=rectangular_u(resolution_w / 2),
        **timing,
    )


def calibrated(
    expanded_percent: float,
    *,
    source: str,
    coverage: float = 2.0,
    resolution_w: float = 0.0,
    **timing: Unpack[Timing],
) -> MeterQuality:
    """Return the quality of a meter with a calibration certificate.

    Parameters
    ----------
    expanded_percent : float
        Expanded uncertainty on the certificate, percentage of the reading. [%]
    source : str
        The certificate's number and date.
    coverage : float
        The certificate's coverage factor k.
    resolution_w : float
        One step of the display. [W]
    **timing : float
        As for `of_class`.
    """
    return MeterQuality(
        source=source,
        relative_u=expanded_percent / 100 / coverage,
        absolute_u_w=rectangular_u(resolution_w / 2),
        **timing,
    )


def timing_budget(meter: MeterQuality, sampling_width_s: float) -> list[Contribution]:
    """Return what is not known of an instant read off samples. [s]"""
    lines = [
        Contribution(
            SAMPLING, one_sided_u(sampling_width_s), "B", "the recording's own spacing"
        ),
        Contribution(UPDATE, one_sided_u(meter.update_interval_s), "B", meter.source),
        Contribution(LATENCY, meter.latency_u_s, "B", meter.source),
        Contribution(CLOCK, meter.clock_u_s, "B", meter.source),
    ]
    return [line for line in lines if line.u > 0]


def scaled(estimate: Estimate, factor: float, unit: str) -> Estimate:
    """Return the estimate times an exact factor: 2 h of 3 kW is 6 kWh."""
    ends = None
    if estimate.unseen is not None:
        low, high = sorted(end * factor for end in estimate.unseen)
        ends = (low, high)
    return Estimate(
        value=estimate.value * factor,
        unit=unit,
        budget=times(estimate.budget, factor),
        why=estimate.why,
        marks=estimate.marks,
        unseen=ends,
        covariance=estimate.covariance * factor * factor,
        spread=None if estimate.spread is None else _stretched(estimate.spread, factor),
    )


def times(budget: Iterable[Contribution], factor: float) -> tuple[Contribution, ...]:
    """Return the lines of a budget times an exact factor, each with its origin."""
    return tuple(replace(line, u=line.u * abs(factor)) for line in budget)


def _stretched(spread: Spread, factor: float) -> Spread:
    """Return a spread times an exact factor that is not 0."""
    quantiles = [quantile * factor for quantile in spread.quantiles]
    return replace(spread, quantiles=tuple(sorted(quantiles)))


def difference(
    first: Estimate, second: Estimate, *, shared: tuple[str, ...] = (GAIN,)
) -> Estimate:
    """Return first − second, both in the same unit.

    Contributions named in `shared` come from one cause and grow with the value, as
    the gain of one meter does: they add with sign, so the meter's gain acts on the
    difference alone. All others are independent (JCGM 100:2008, 5.1 and 5.2).

    Raises
    ------
    ValueError
        If the units differ.
    """
    if first.unit != second.unit:
        raise ValueError(f"{first.unit} less {second.unit} has no meaning")
    lines = []
    for name in shared:
        own = sum(_signed(first, name)) - sum(_signed(second, name))
        origin = [one for one in (*first.budget, *second.budget) if one.name == name]
        if origin:
            lines.append(replace(origin[0], u=abs(own)))
    for one in (*first.budget, *second.budget):
        if one.name not in shared:
            lines.append(one)
    return Estimate(
        value=first.value - second.value,
        unit=first.unit,
        budget=tuple(lines),
        why=first.why or second.why,
        marks=first.marks + second.marks,
        covariance=first.covariance + second.covariance,
    )


def total(estimates: Iterable[Estimate], *, shared: bool = True) -> Estimate:
    """Return the sum of estimates of one meter, or of several. [Wh]

    Parameters
    ----------
    estimates : iterable of Estimate
        All in one unit. What is ``nan`` makes the sum ``nan``: leave it out first, by
        name.
    shared : bool
        True for one meter: contributions of one name are one cause and add up. False
        for independent meters: everything adds in quadrature.
    """
    found = None
    for one in estimates:
        found = one if found is None else _plus(found, one, shared=shared)
    return found if found is not None else Estimate(0.0, "Wh")


def _plus(first: Estimate, second: Estimate, *, shared: bool) -> Estimate:
    minus = replace(second, value=-second.value)
    names = {one.name for one in first.budget if one.name.startswith(GAIN)}
    kept = tuple(names) if shared else ()
    summed = difference(first, minus, shared=kept)
    if first.unseen is None and second.unseen is None:
        return summed
    low, high = first.unseen or (first.value, first.value)
    least, most = second.unseen or (second.value, second.value)
    return replace(summed, unseen=(low + least, high + most))


def share_of(part: Estimate, whole: Estimate) -> Estimate:
    """Return ``100·part/whole``, the two independent of each other. [%]

    ``nan`` if the whole is not above zero: then there is nothing to compare with.

    Raises
    ------
    ValueError
        If the units differ.
    """
    if part.unit != whole.unit:
        raise ValueError(f"{part.unit} against {whole.unit} has no meaning")
    if not whole.value > 0 or math.isnan(part.value):
        why = part.why or whole.why or "there is nothing to compare with"
        return Estimate(math.nan, "%", why=why)
    percent = 100 / whole.value
    other = percent * part.value / whole.value
    lines = [
        replace(one, name=f"{whose}: {one.name}")
        for whose, estimate, factor in (
            ("own", part, percent),
            ("reference", whole, other),
        )
        for one in times(estimate.budget, factor)
    ]
    return Estimate(
        percent * part.value,
        "%",
        tuple(lines),
        unseen=_unseen_share(part, whole),
        covariance=part.covariance * percent**2 + whole.covariance * other**2,
    )


def _unseen_share(part: Estimate, whole: Estimate) -> tuple[float, float] | None:
    if part.unseen is None and whole.unseen is None:
        return None
    parts = part.unseen or (part.value, part.value)
    wholes = whole.unseen or (whole.value, whole.value)
    if wholes[0] <= 0:
        return -math.inf, math.inf
    ratios = [100 * one / other for one in parts for other in wholes]
    return min(ratios), max(ratios)


def relative_difference(own: Estimate, reference: Estimate) -> Estimate:
    """Return how far a figure is from its reference, independent of each other. [%]

    ``100·(own/reference − 1)``; both uncertainties are carried
    (``docs/definitions.md``, "own-meter agreement").
    """
    share = share_of(own, reference)
    ends = share.unseen
    return replace(
        share,
        value=share.value - 100,
        unseen=None if ends is None else (ends[0] - 100, ends[1] - 100),
    )


def _signed(estimate: Estimate, name: str) -> list[float]:
    return [
        math.copysign(one.u, estimate.value)
        for one in estimate.budget
        if one.name == name
    ]
