"""Find drivers by the name that a rig file gives them.

``family/module`` is a module of the ``devices`` package; third parties add
theirs through the entry-point group ``flexrig.devices``. Nothing here names one.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from pydantic import ValidationError

from harness.core.bench import Driver, Options
from harness.core.errors import RigError
from harness.rig.file import DeviceTable, MeterTable, Rig, validation_error

_PACKAGE = "devices"
_GROUP = "flexrig.devices"


def all_drivers() -> list[Driver]:
    """Every driver that can be named in a rig file, ours first."""
    own = [_load(name) for name in _own_names()]
    return [driver for driver in own if driver is not None] + list(
        _third_party().values()
    )


def find_driver(name: str, where: str) -> Driver:
    """Return a driver, or say which one was probably meant.

    Raises
    ------
    RigError
        If no module and no entry point has this name.
    """
    driver = _load(name) if name in _own_names() else _third_party().get(name)
    if driver is None:
        known = [driver.name for driver in all_drivers()]
        near = difflib.get_close_matches(name, known, n=1)
        hint = repr(near[0]) if near else f"one of {', '.join(known)}"
        raise RigError(f"{where} driver", f"no driver {name!r}", hint)
    return driver


def folder_of(driver: Driver) -> Path:
    """Return the folder that holds a driver's module.

    Raises
    ------
    RigError
        If it is not one that rig files can name.
    """
    module = f"{_PACKAGE}.{driver.name.replace('/', '.')}"
    if driver.name not in _own_names():
        points = [
            point
            for point in entry_points(group=_GROUP)
            if getattr(point.load(), "name", "") == driver.name
        ]
        if not points:
            raise RigError(driver.name, "no such driver", "flexrig devices")
        module = points[0].module
    return Path(str(importlib.import_module(module).__file__)).parent


def check_options(
    rig: Rig, role: str, entry: DeviceTable | MeterTable, driver: Driver
) -> tuple[Options, Options | None]:
    """Return the driver's and the emulator's options, checked.

    Raises
    ------
    RigError
        Naming the table and the key that does not fit.
    """
    where = rig.where(role)
    options = _validated(f"{where} options", driver.options, entry.options)
    if entry.emulator is None:
        return options, None
    emulated = _validated(f"{where} emulator", driver.emulator_options, entry.emulator)
    return options, emulated


def _validated(where: str, model: type[Options], data: dict[str, object]) -> Options:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise validation_error(where, error, model) from error


@functools.cache
def _own_names() -> tuple[str, ...]:
    """What is in our own folders; a rig asks once for each of its parts."""
    package = importlib.import_module(_PACKAGE)
    names = []
    for family in pkgutil.iter_modules(package.__path__):
        if not family.ispkg or family.name == "links":
            continue
        folder = importlib.import_module(f"{_PACKAGE}.{family.name}")
        names += [
            f"{family.name}/{module.name}"
            for module in pkgutil.iter_modules(folder.__path__)
        ]
    return tuple(names)


def _load(name: str) -> Driver | None:
    module = importlib.import_module(f"{_PACKAGE}.{name.replace('/', '.')}")
    driver = getattr(module, "DRIVER", None)
    return driver if isinstance(driver, Driver) else None


def _loaded(point: EntryPoint) -> object:
    """Load what an entry point names; a package that is broken is named."""
    try:
        return point.load()
    except Exception as error:  # whatever somebody else's module raises
        raise RigError(
            f"entry point {point.name}",
            f"cannot be loaded: {type(error).__name__}: {error}",
            f"mending or uninstalling the package that holds {point.module}",
        ) from error


def _third_party() -> dict[str, Driver]:
    found = {}
    for point in entry_points(group=_GROUP):
        driver = _loaded(point)
        if not isinstance(driver, Driver):
            raise RigError(
                f"entry point {point.value}",
                "is not a Driver",
                "an object of harness.core.bench.Driver",
            )
        found[driver.name] = driver
    return found
