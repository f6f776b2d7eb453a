"""Digests: the same content is the same digest, whatever holds it."""

import numpy as np
import pyarrow as pa

from harness.evidence.digests import content_digest


def test_a_digest_knows_nothing_of_nan_bits_but_everything_of_signs():
    def digest(values):
        return content_digest(pa.table({"value": pa.array(values)}))

    odd = np.array([0x7FF8000000000001], dtype=np.uint64).view(np.float64)
    assert digest(odd) == digest(np.array([np.nan]))
    assert digest(np.array([0.0])) != digest(np.array([-0.0]))


def test_a_digest_does_not_depend_on_how_rows_are_cut():
    whole = pa.table({"role": ["ev", "hp", "ev"], "value": [1.0, 2.0, 3.0]})
    cut = pa.concat_tables([whole.slice(0, 1), whole.slice(1, 2)])
    assert content_digest(cut) == content_digest(whole)
    assert content_digest(whole.slice(1)) == content_digest(
        pa.table({"role": ["hp", "ev"], "value": [2.0, 3.0]})
    )


def test_only_loopback_ports_are_left_out_of_a_digest():
    def digest(text):
        return content_digest(pa.table({"payload": [text, "x"]}))

    for host in ("127.0.0.1", "localhost", "[::1]"):
        assert digest(f"ws://{host}:1234/a") == digest(f"ws://{host}:99/a")
    assert digest("ws://10.0.0.7:1234/a") != digest("ws://10.0.0.7:99/a")
    assert digest("ws://127.0.0.1:1/a") != digest("ws://127.0.0.1:1/b")
