"""A real Dask cluster of two processes: the same bits as this process alone."""

import dataclasses

import numpy as np
import pytest
from distributed import LocalCluster

from harness.analysis.portfolio.unit import CHUNK, pilot, unit_of
from harness.core.errors import UsageError
from harness.portfolio.workers import cluster
from tests.analysis.portfolio.homes import EV, HEAT_PUMP, portfolio

THREE_BATCHES = 2 * 1024 + CHUNK + 5


@pytest.fixture(scope="module")
def address():
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
        host="127.0.0.1", silence_logs="ERROR",
    ) as here:  # fmt: skip
        yield here.scheduler_address


def bits(unit):
    arrays = [
        getattr(part, each.name)
        for part in (unit, unit.sums)
        for each in dataclasses.fields(part)
        if isinstance(getattr(part, each.name), np.ndarray)
    ]
    return [array.tobytes() for array in arrays], unit.reads_arrived


@pytest.mark.parametrize("homes", [EV, HEAT_PUMP])
def test_a_cluster_gives_the_same_bits(homes, address):
    one = portfolio(homes, lost=0.01, makes=3, common_u=0.003)
    one = dataclasses.replace(one, diffusion_w2_per_s=pilot(one))
    done = []
    with cluster(address, done.append) as each:
        there = unit_of(one, THREE_BATCHES, each=each)
        again = unit_of(one, 100, each=each)
    assert bits(there) == bits(unit_of(one, THREE_BATCHES))
    assert bits(again) == bits(unit_of(one, 100))
    assert done == [1024, 2048, THREE_BATCHES, 100]


def test_an_address_where_no_scheduler_answers_is_named(monkeypatch):
    monkeypatch.setattr("harness.portfolio.workers.CONNECT_S", 1.0)
    with (
        pytest.raises(UsageError, match=r"127\.0\.0\.1:9.*no scheduler answers"),
        cluster("tcp://127.0.0.1:9"),
    ):
        pass
