"""Who works a unit out: threads of this process or a Dask cluster, to the same bits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol

from harness.analysis.portfolio.unit import Each, Unit, Work
from harness.core.errors import UsageError

AHEAD = 4
"""Batches for each worker that are under way at a time: memory stays bounded."""
CONNECT_S = 10.0
"""How long a scheduler may take to answer. [s]"""
Told = Callable[[int], None]
"""Told after each batch how many homes are done."""


def threads(count: int, told: Told | None = None) -> Each:
    """Return the way of some threads of this process."""

    def each(work: Work, batches: list[tuple[int, int]]) -> Iterator[Unit]:
        with ThreadPoolExecutor(count) as pool:
            waiting = deque(batches)
            going = deque(
                pool.submit(work, waiting.popleft())
                for _ in range(min(count + 1, len(waiting)))
            )
            done = 0
            while going:
                part = going.popleft().result()
                if waiting:
                    going.append(pool.submit(work, waiting.popleft()))
                done += part.homes
                if told is not None:
                    told(done)
                yield part

    return each


class _Client(Protocol):
    """What is used of Dask's client."""

    def scheduler_info(self) -> dict[str, Any]: ...

    def scatter(self, data: Work, *, broadcast: bool, hash: bool) -> object: ...  # noqa: A002

    def submit(self, func: Any, *args: Any, pure: Any) -> Any: ...  # noqa: ANN401

    def close(self) -> None: ...


@contextmanager
def cluster(address: str, told: Told | None = None) -> Iterator[Each]:
    """Give the way of a Dask cluster at a scheduler's address.

    Parameters
    ----------
    address : str
        Of the scheduler: ``tcp://10.0.0.5:8786``.
    told : callable, optional
        Told after each batch how many homes are done.

    Raises
    ------
    UsageError
        If Dask is not installed, or no scheduler answers there.
    """
    try:
        from distributed import Client
    except ImportError:
        raise UsageError(
            "--scheduler", "Dask is not installed", "pip install 'flexrig[distributed]'"
        ) from None
    try:
        client: _Client = Client(  # type: ignore[no-untyped-call]
            address, timeout=CONNECT_S, set_as_default=False
        )
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--scheduler {address}",
            f"no scheduler answers there ({error})",
            "dask scheduler, and the address that it prints",
        ) from None
    try:
        yield _of_cluster(client, told)
    finally:
        client.close()


def _of_cluster(client: _Client, told: Told | None) -> Each:
    def each(work: Work, batches: list[tuple[int, int]]) -> Iterator[Unit]:
        workers = max(len(client.scheduler_info()["workers"]), 1)
        # A key of its own: one that was let go a moment ago must not be taken again.
        shared = client.scatter(work, broadcast=True, hash=False)
        waiting = deque(batches)
        going = deque(
            client.submit(_call, shared, waiting.popleft(), pure=False)
            for _ in range(min(AHEAD * workers, len(waiting)))
        )
        done = 0
        while going:
            part: Unit = going.popleft().result()
            if waiting:
                going.append(
                    client.submit(_call, shared, waiting.popleft(), pure=False)
                )
            done += part.homes
            if told is not None:
                told(done)
            yield part

    return each


def _call(work: Work, homes: tuple[int, int]) -> Unit:
    return work(homes)
