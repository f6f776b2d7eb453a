"""Where a relay stands, by a device's address; and where none can."""

import pytest

from harness.core.errors import FeatureError
from harness.rig.wire_address import endpoint_of, with_endpoint

ADDRESSES = {
    "modbus://10.0.0.7:1502/3": (("10.0.0.7", 1502), "modbus://127.0.0.1:9/3"),
    "modbus://10.0.0.7/3": (("10.0.0.7", 502), "modbus://127.0.0.1:9/3"),
    "rtu+tcp://gateway:4001/12": (("gateway", 4001), "rtu+tcp://127.0.0.1:9/12"),
    "http://plug.local": (("plug.local", 80), "http://127.0.0.1:9"),
    "ws://[::1]:9000/EV1": (("::1", 9000), "ws://127.0.0.1:9/EV1"),
    "mqtt://me:secret@broker/topic": (
        ("broker", 1883),
        "mqtt://me:secret@127.0.0.1:9/topic",
    ),
    "iec62056+tcp://10.0.0.8:4059": (
        ("10.0.0.8", 4059),
        "iec62056+tcp://127.0.0.1:9",
    ),
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_host_and_port_are_taken_out_and_put_back(address):
    endpoint, moved = ADDRESSES[address]
    assert endpoint_of("rig.toml", address) == endpoint
    assert with_endpoint(address, ("127.0.0.1", 9)) == moved


REFUSED = {
    "serial:/dev/ttyUSB0?baud=9600": "names no host and port",
    "rtu+tcp://gateway/12": "names no host and port",
    "ws://host:port/EV1": "names no host and port",
    "": "names no host and port",
    "wss://csms.example:443/EV1": "is encrypted",
}


@pytest.mark.parametrize("address", REFUSED)
def test_where_no_relay_can_stand_it_is_said(address):
    with pytest.raises(FeatureError, match=REFUSED[address]):
        endpoint_of("rig.toml [device.ev]", address)
