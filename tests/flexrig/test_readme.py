"""What README says about looking at a run is run, against a real one."""

import re
import shutil

import matplotlib as mpl
import numpy as np
import pytest

from tests.cli.bench import ROOT


@pytest.fixture
def shown(made, tmp_path, monkeypatch):
    """Every name that README's example leaves behind."""
    section = (ROOT / "README.md").read_text().split("## Look at a run")[1]
    (code,) = re.findall(r"```python\n(.+?)```", section.split("\n## ")[0], re.DOTALL)
    (folder,) = re.findall(r'open_run\("(.+?)"\)', code)
    shutil.copytree(made, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    names = {}
    with mpl.rc_context({"backend": "svg"}):
        exec(code, names)  # noqa: S102 - it is ours
        mpl.pyplot.close("all")
    return names


def test_the_example_in_readme_works_as_it_stands(shown):
    assert shown["car"].outcome == "pass"
    assert str(shown["meter"].index.tz) == "Europe/London"
    assert shown["both"].index.to_series().diff().dropna().eq(1.0).all()
    assert shown["both"].notna().all().all()
    assert len(shown["station"]) > 50
    assert shown["refused"].empty
    meter = shown["meter"]["ev_meter.power_w"].to_numpy()
    np.testing.assert_array_equal(meter, shown["power_w"])
    assert shown["time_s"].shape == shown["power_w"].shape
