"""A first folder for a new driver: a package of its own that works before it is true.

What it makes passes the conformance kit against its own emulator; every line that is
not yet the maker's says ``TODO``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from harness.core.errors import UsageError

_TEMPLATES = files("harness.kit") / "templates"
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Kind:
    """What differs between the folders of two kinds of device."""

    capability: str
    imports: str
    capabilities: str
    command_meaning: str
    initial_command: str
    faults: str
    emulator_options: str
    physics: str
    attach: str
    on_write: str
    on_impose: str
    entries: str
    kindness: str = ""


def scaffold(name: str, kind: str, into: Path) -> Path:
    """Make the folder for a driver and return it.

    Raises
    ------
    UsageError
        If the name is none for a Python package, or something is in the way.
    """
    if not _NAME.fullmatch(name):
        hint = "lower case letters, digits and _, such as acme_heater"
        raise UsageError(name, "is no name for a Python package", hint)
    folder = into / name
    if folder.exists():
        raise UsageError(str(folder), "is there already", "another name or --into")
    words = _words(name, KINDS[kind])
    for path, template in _files(name).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        text = (_TEMPLATES / template).read_text(encoding="utf-8")
        target.write_text(Template(text).substitute(words), encoding="utf-8")
    return folder


def _words(name: str, kind: Kind) -> dict[str, str]:
    own = {"name": name, "title": name.replace("_", " ").capitalize()}
    texts = {part: getattr(kind, part) for part in Kind.__slots__}
    for part in ("capability", "physics"):
        texts[part] = "\n" + texts[part].strip("\n") + "\n"
    texts["entries"] = Template(kind.entries).substitute(own)
    return own | texts


def _files(name: str) -> dict[str, str]:
    return {
        "pyproject.toml": "pyproject.toml.txt",
        "README.md": "README.md.txt",
        "rig.toml": "rig.toml.txt",
        f"{name}/__init__.py": "init.py.txt",
        f"{name}/registers.py": "registers.py.txt",
        f"{name}/modbus.py": "modbus.py.txt",
        f"{name}/emulator.py": "emulator.py.txt",
        f"{name}/transcripts/modbus.toml": "transcript.toml.txt",
        f"tests/test_{name}.py": "test.py.txt",
    }


_SAFE = '''
    async def make_safe(self) -> None:
        """Undo what the trial asked for; safe to call twice."""
        await self._link.write_register(registers.COMMAND, {normal})

'''

_LIMIT = '''
    async def limit_power_w(self, limit_w: float | None) -> Acknowledgement:
        """Draw no more than this, or run freely with ``None``. [W]"""
        value = registers.NO_LIMIT if limit_w is None else round(limit_w)
        await self._link.write_register(registers.COMMAND, value)
        return Acknowledgement(True, f"register {registers.COMMAND} echoed {value}")
''' + _SAFE.format(normal="registers.NO_LIMIT")

_SWITCH = '''
    async def switch(self, on: bool) -> Acknowledgement:
        """Open or close the relay."""
        await self._link.write_register(registers.COMMAND, int(on))
        return Acknowledgement(True, f"register {registers.COMMAND} echoed {int(on)}")
''' + _SAFE.format(normal="1")

_SHIFT = '''
    async def shift_demand(self, demand: Demand) -> Acknowledgement:
        """Ask for less, for normal running, or for more."""
        value = {Demand.REDUCE: 1, Demand.NORMAL: 0, Demand.BOOST: 2}[demand]
        await self._link.write_register(registers.COMMAND, value)
        return Acknowledgement(True, f"register {registers.COMMAND} echoed {value}")
''' + _SAFE.format(normal="0")

_READ_ONLY = '''
    async def make_safe(self) -> None:
        """Do nothing: a meter is read, never told anything."""

'''

_DRAWS = '''    draws_w: float = Field(default=2000.0, ge=0)
    """What it draws when nobody asks for anything. [W]"""
'''
_LOAD = '''
    def power_w(self, at_s: float) -> float:
        """Return true active power: `harness.core.circuit.Load`. [W]"""
        {body}

    def _shown_w(self) -> float:
        return self.power_w(self._context.clock.now_s())

'''
_ATTACH = "        context.circuit.attach(context.role, self)"
_WRITE = """        if FaultKind.IGNORES not in self._faults:
            self._command = values[0]"""
_DEVICE_ENTRY = """
[device.$name]
driver = "$name/modbus"
[device.$name.emulator]

[meter.${name}_meter]
driver = "meter/sdm230"
sees = ["$name"]
[meter.${name}_meter.emulator]
[meter.${name}_meter.calibration]
basis = "class"
document = "emulated, EN 50470-3 class B"
error_percent = 1.0
due = 2099-12-31
"""
_METER_ENTRY = """
[device.ev]
driver = "ev_chargepoint/ocpp16"
[device.ev.emulator]

[meter.$name]
driver = "$name/modbus"
sees = ["ev"]
[meter.$name.emulator]
[meter.$name.calibration]
basis = "class"
document = "TODO: its class or certificate"
error_percent = 1.0
due = 2099-12-31
"""


def _imports(*names: str) -> str:
    return "\n".join(f"    {name}," for name in sorted(names))


def _steered(capability: str, name: str, meaning: str, first: str, body: str) -> Kind:
    """A device that draws power and takes one command."""
    more = ["Demand"] if name == "ShiftsDemand" else []
    return Kind(
        capability=capability,
        imports=_imports("Acknowledgement", "Identity", "Polled", name, *more),
        capabilities=f"Polled, {name}",
        command_meaning=meaning,
        initial_command=first,
        faults="FaultKind.IGNORES",
        emulator_options=_DRAWS,
        physics=_LOAD.format(body=body),
        attach=_ATTACH,
        on_write=_WRITE,
        on_impose="",
        entries=_DEVICE_ENTRY,
    )


KINDS = {
    "limit": _steered(
        _LIMIT,
        "LimitsPower",
        'limit of power. [W]"""\nNO_LIMIT = 0xFFFF\n"""What lifts the limit.',
        "registers.NO_LIMIT",
        "return min(self._options.draws_w, float(self._command))",
    ),
    "shift": _steered(
        _SHIFT,
        "ShiftsDemand",
        "0 normal, 1 less, 2 more.",
        "0",
        "return self._options.draws_w * (1.0, 0.3, 1.2)[self._command]",
    ),
    "switch": _steered(
        _SWITCH,
        "Switches",
        "1 on, 0 off.",
        "1",
        "return self._options.draws_w * self._command",
    ),
    "meter": Kind(
        capability=_READ_ONLY,
        imports=_imports("Identity", "Polled"),
        capabilities="Polled,",
        command_meaning="nothing: a meter takes no command.",
        initial_command="0",
        faults="FaultKind.FROZEN",
        emulator_options="",
        physics="""
    def _shown_w(self) -> float:
        if FaultKind.FROZEN in self._faults:
            return self._frozen_w
        context = self._context
        return context.circuit.power_w(context.sees, context.clock.now_s())

""",
        attach="        self._frozen_w = 0.0",
        on_write="        raise ModbusRefusal(ILLEGAL_ADDRESS)",
        on_impose="""        self._faults.discard(fault.kind)
        self._frozen_w = self._shown_w()
        self._faults.add(fault.kind)
""",
        entries=_METER_ENTRY,
    ),
}
"""What a trial may ask of the new device, by the name of the kind."""
