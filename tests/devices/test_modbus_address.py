import pytest

from devices.links.modbus_address import ModbusAddress, parse_modbus_address
from harness.core.errors import RigError


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        (
            "modbus://10.0.0.7:502/1",
            ModbusAddress("tcp", 1, host="10.0.0.7", port=502),
        ),
        (
            "modbus://nibe.local:502/255",
            ModbusAddress("tcp", 255, host="nibe.local", port=502),
        ),
        ("modbus://[::1]:502/3", ModbusAddress("tcp", 3, host="::1", port=502)),
        (
            "rtu+tcp://192.168.1.9:4196/247",
            ModbusAddress("rtu", 247, host="192.168.1.9", port=4196),
        ),
        ("serial:/dev/ttyUSB0", ModbusAddress("serial", 1, path="/dev/ttyUSB0")),
        (
            "serial:/dev/ttyUSB0?baud=2400&parity=E&stop=2&unit=7",
            ModbusAddress(
                "serial",
                7,
                path="/dev/ttyUSB0",
                baud=2400,
                parity="E",
                stop_bits=2,
            ),
        ),
    ],
)
def test_each_form_is_understood(text, meaning):
    assert parse_modbus_address("rig.toml [meter.ev]", text) == meaning


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("10.0.0.7", "is not a Modbus address"),
        ("modbus://10.0.0.7:502", "is not a Modbus address"),
        ("tcp://10.0.0.7:502/1", "is not a Modbus address"),
        ("", "is not a Modbus address"),
        ("modbus://10.0.0.7:70000/1", "port 70000"),
        ("modbus://10.0.0.7:0/1", "port 0"),
        ("modbus://10.0.0.7:502/0", "unit 0"),
        ("modbus://10.0.0.7:502/256", "unit 256"),
        ("rtu+tcp://10.0.0.7:502/248", "unit 248"),
        ("serial:", "no device"),
        ("serial:/dev/ttyUSB0?speed=9600", "unknown setting 'speed'"),
        ("serial:/dev/ttyUSB0?baud=fast", "baud=fast"),
        ("serial:/dev/ttyUSB0?baud=7", "no line speed"),
        ("serial:/dev/ttyUSB0?parity=X", "parity is N, E or O"),
        ("serial:/dev/ttyUSB0?stop=3", "stop is 1 or 2"),
        ("serial:/dev/ttyUSB0?unit=300", "unit 300"),
    ],
)
def test_a_wrong_address_is_named_with_the_right_forms(text, complaint):
    with pytest.raises(RigError) as caught:
        parse_modbus_address("rig.toml [meter.ev]", text)
    sentence = str(caught.value)
    assert sentence.startswith("rig.toml [meter.ev] address: ")
    assert complaint in sentence
    assert "modbus://HOST:PORT/UNIT, rtu+tcp://HOST:PORT/UNIT or serial:" in sentence
