"""Prices and percentages as a feature file says them, made exact."""

from __future__ import annotations

from harness.core.errors import FeatureError, UsageError
from harness.settlement.money import Price, agreed_price, price_of

_UNIT = "£/MWh"


def price(text: str) -> Price:
    """``300 £/MWh``; it may be negative, as imbalance prices are."""
    return _exactly(text, agreed_too=False)


def agreed(text: str) -> Price:
    """``300 £/MWh``; a negative price is refused."""
    return _exactly(text, agreed_too=True)


def _exactly(text: str, *, agreed_too: bool) -> Price:
    where = f"“{text}”"
    plain = text.strip().replace("−", "-").replace(",", "")
    if not plain.endswith(_UNIT):
        raise FeatureError(where, "is no price", f"300 {_UNIT}")
    number = plain.removesuffix(_UNIT).strip()
    try:
        if agreed_too:
            return agreed_price(number, where=where)
        return price_of(number, where=where)
    except UsageError as error:
        raise FeatureError(error.where, error.fact, error.hint) from error


def whole_percent(text: str) -> int:
    """``80 %`` as 80; anything but a whole percentage from 0 to 100 is refused."""
    number = text.removesuffix("%").strip()
    if not text.strip().endswith("%") or not number.isdigit() or int(number) > 100:
        raise FeatureError(f"“{text}”", "is no whole percentage", "80 %")
    return int(number)
