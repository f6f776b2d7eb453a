"""The feeder: what is drawn at its end moves its voltage."""

import pytest

from harness.core.circuit import NOMINAL_V, Circuit, Feeder, FixedLoad

FEEDER = Feeder(240.0, 0.1, 0.05, 10)


class Inverter:
    """A load with reactive power of its own."""

    def __init__(self, power_w, reactive_var):
        self.drawn = (power_w, reactive_var)

    def power_w(self, at_s):
        return self.drawn[0]

    def reactive_var(self, at_s):
        return self.drawn[1]


def wander(at_s):
    return Circuit(seed=3).voltage_v(at_s) - NOMINAL_V


@pytest.mark.parametrize(
    ("power_w", "reactive_var", "drop_v"),
    [(2_300.0, 0.0, 10.0), (-2_300.0, 0.0, -10.0), (0.0, 2_300.0, 5.0),
     (2_300.0, -4_600.0, 0.0)],
)  # fmt: skip
def test_the_voltage_falls_by_r_p_and_x_q(power_w, reactive_var, drop_v):
    """(R·P + X·Q) / 230 V, ten homes: 2.3 kW are 10 V, 2.3 kvar are 5 V."""
    circuit = Circuit(seed=3, feeder=FEEDER)
    circuit.attach("inverter", Inverter(power_w, reactive_var))
    assert circuit.voltage_v(50.0) == pytest.approx(240 - drop_v + wander(50.0))


def test_without_a_feeder_nothing_moves_it():
    circuit = Circuit(seed=3)
    circuit.attach("kettle", FixedLoad(3_000.0))
    assert circuit.voltage_v(50.0) == NOMINAL_V + wander(50.0)


class Heater:
    """A resistance: what it draws depends on the voltage that it lowers."""

    def __init__(self, circuit, ohm):
        self.circuit, self.ohm = circuit, ohm

    def power_w(self, at_s):
        return self.circuit.voltage_v(at_s) ** 2 / self.ohm


def test_a_load_that_depends_on_the_voltage_settles():
    circuit = Circuit(seed=3, feeder=FEEDER)
    circuit.attach("heater", Heater(circuit, 23.0))
    seen = [circuit.voltage_v(float(at)) for at in range(30)]
    steady = seen[-1] - wander(29.0)
    drop = 10 * 0.1 * (steady + wander(29.0)) ** 2 / 23.0 / NOMINAL_V
    assert steady == pytest.approx(240 - drop, abs=0.2)


class Source:
    """Holds an island up, as far as its rating goes."""

    def __init__(self, rating_w):
        self.rating_w, self.formed_w = rating_w, None

    def power_w(self, at_s):
        return 500.0

    def form(self, power_w, at_s):
        self.formed_w = power_w
        return power_w is None or abs(power_w) <= self.rating_w


def island(rating_w, load_w=3_000.0):
    circuit, source = Circuit(formed_by="battery"), Source(rating_w)
    circuit.attach("kettle", FixedLoad(load_w))
    circuit.attach("panels", FixedLoad(-1_000.0))
    circuit.attach("battery", source)
    return circuit, source


def test_with_the_mains_lost_its_source_makes_up_the_difference():
    circuit, source = island(rating_w=2_000.0)
    assert circuit.power_w(("*",), 0.0) == 2_500.0
    circuit.connect(False, 10.0)
    assert circuit.power_w(("kettle",), 10.0) == 3_000.0
    assert circuit.power_w(("battery",), 10.0) == -2_000.0
    assert circuit.power_w(("battery", "kettle", "panels"), 10.0) == 0.0
    assert circuit.power_w(("*",), 10.0) == 0.0
    assert not circuit.is_dark
    circuit.connect(True, 20.0)
    assert source.formed_w is None
    assert circuit.power_w(("battery",), 20.0) == 500.0


@pytest.mark.parametrize("formed_by", [None, "battery"])
def test_an_island_that_nothing_can_hold_up_is_dark_until_the_mains_are_back(formed_by):
    circuit, _source = island(rating_w=1_999.0)
    if formed_by is None:
        circuit = Circuit()
        circuit.attach("kettle", FixedLoad(3_000.0))
    circuit.connect(False, 10.0)
    assert circuit.power_w(("kettle",), 10.0) == 0.0
    assert circuit.is_dark
    assert circuit.voltage_v(10.0) < 5
    circuit.connect(True, 20.0)
    assert circuit.power_w(("kettle",), 20.0) == 3_000.0
    assert circuit.voltage_v(20.0) > 220


@pytest.mark.parametrize("connected", [True, False])
def test_all_powers_at_once_are_those_of_each_place(connected):
    circuit, _source = island(rating_w=2_000.0)
    circuit.connect(connected, 10.0)
    places = ("kettle", "panels", "battery", "*")
    expected = {place: circuit.power_w((place,), 10.0) for place in places}
    assert circuit.powers_w(10.0) == expected
