"""Files of the public release's layout, as its readers need them."""

import pickle
import pickletools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipeline.inputs.clips import Clip
from pipeline.outputs.release_layout import release_values, write_release_layout
from pipeline.stages.stage import Job
from tests.pipeline.fake_detector import fit_result


def job(name: str, rows: int = 1, scale: float = 1) -> Job:
    fit: Any = SimpleNamespace(load=lambda: fit_result(rows))
    return Job(Clip(name, Path(f"{name}.jpg"), "k", fit_scale=scale), {"fit": fit})


def test_values() -> None:
    result = fit_result(1)
    values = release_values(result, fit_scale=2)
    shapes = {name: value.shape for name, value in values.items()}
    assert shapes == {"cam_t": (3,), "f": (2,), "pose": (72,), "betas": (10,)}
    np.testing.assert_array_equal(values["f"], (320, 320))
    np.testing.assert_array_equal(values["cam_t"], result.params.transl[0])
    np.testing.assert_array_equal(values["pose"][:3], result.params.global_orient[0])
    np.testing.assert_array_equal(values["pose"][3:], result.params.body_pose[0])


def test_names_and_what_python_2_can_read(tmp_path: Path) -> None:
    write_release_layout([job("photo"), job("im1001"), job("walk")], tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0000.pkl", "0002.pkl", "1000.pkl"]
    content = (tmp_path / "1000.pkl").read_bytes()
    assert content[:2] == b"\x80\x02", "protocol 2"
    found = pickle.loads(content)
    assert all(type(value) is np.ndarray for value in found.values())
    called = {arg for op, arg, _ in pickletools.genops(content) if op.name == "GLOBAL"}
    assert called == {
        "numpy.core.multiarray _reconstruct",
        "numpy ndarray",
        "numpy dtype",
        "_codecs encode",
    }, "names that old numpy has"


def test_more_people_than_the_layout_holds(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_release_layout([job("a"), job("b", rows=2)], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["0000.pkl"]
    assert "b.jpg: not in the release's layout" in caplog.text
