"""Time zones by name, for meters whose clock has none of its own."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def known_zone(name: str) -> str:
    """Return the name of a time zone, as an option's check.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"no time zone {name!r}, such as 'Europe/London'") from error
    return name
