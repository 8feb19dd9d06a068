import builtins
import importlib
import importlib.util
import os
import pickle
import sys

import numpy as np
import pytest
from mmengine.logging.history_buffer import HistoryBuffer

from detectors import mmcv_ops


class _Calls:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def naive_nms(boxes, scores, iou_threshold, offset):
    """One pair at a time, straight from the definition."""

    def iou(a, b):
        w = min(a[2], b[2]) - max(a[0], b[0]) + offset
        h = min(a[3], b[3]) - max(a[1], b[1]) + offset
        inside = max(w, 0) * max(h, 0)
        areas = [(c[2] - c[0] + offset) * (c[3] - c[1] + offset) for c in (a, b)]
        return inside / (sum(areas) - inside)

    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if all(iou(boxes[i], boxes[k]) <= iou_threshold for k in kept):
            kept.append(int(i))
    return kept


@pytest.mark.parametrize("offset", [0, 1])
def test_nms_agrees_with_its_definition(offset):
    import torch

    rng = np.random.default_rng(3)
    corner, size = rng.uniform(0, 60, (300, 2)), rng.uniform(5, 40, (300, 2))
    boxes, scores = np.c_[corner, corner + size], rng.permutation(300) / 300
    kept = mmcv_ops.nms(torch.tensor(boxes), torch.tensor(scores), 0.4, offset).tolist()
    assert kept == naive_nms(boxes, scores, 0.4, offset)
    assert 10 < len(kept) < 200


def test_nms_of_nothing_is_nothing():
    import torch

    assert len(mmcv_ops.nms(torch.zeros(0, 4), torch.zeros(0), 0.5, 0)) == 0


def test_missing_operator_raises_with_its_name():
    with pytest.raises(NotImplementedError, match=r"mmcv operator deform_conv_forward.*mmcv==2"):
        mmcv_ops._PlainOps().deform_conv_forward()


def test_compiled_mmcv_is_left_alone(monkeypatch):
    monkeypatch.delitem(sys.modules, "mmcv._ext", raising=False)
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *a: object() if name == "mmcv._ext" else real(name, *a),
    )
    mmcv_ops.prepare()
    assert "mmcv._ext" not in sys.modules


def test_torchvision_imports_after_preparing_twice():
    mmcv_ops.prepare()
    mmcv_ops.prepare()
    assert importlib.import_module("torchvision").__version__


def test_openmmlab_metadata_loads(tmp_path):
    import torch

    history = HistoryBuffer([1.0, 2.0], [1, 1])
    metadata = {
        "sigmas": np.ones(3, np.float32),
        "best": np.float64(0.5),
        "loss": history,
        "links": np.zeros((0, 2)),
    }
    torch.save({"state_dict": {"w": torch.ones(2)}, "meta": metadata}, tmp_path / "good.pth")
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "good.pth", weights_only=True)
    with mmcv_ops.checkpoint_globals():
        meta = torch.load(tmp_path / "good.pth", weights_only=True)["meta"]
    assert meta["sigmas"].tolist() == [1, 1, 1]
    assert meta["best"] == 0.5
    assert meta["loss"].mean() == 1.5
    assert meta["links"].shape == (0, 2)


@pytest.mark.parametrize(
    "payload",
    [
        _Calls(os.system, "touch ran"),
        _Calls(builtins.eval, "open('ran', 'w')"),
        _Calls(builtins.getattr, HistoryBuffer, "__init__"),
        _Calls(builtins.getattr, np.ndarray, "tofile"),
        _Calls(bytes, 5),
    ],
    ids=["os.system", "eval", "getattr of __init__", "getattr of ndarray", "bytes"],
)
def test_code_in_a_checkpoint_stays_refused(payload, tmp_path, monkeypatch):
    import torch

    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {}, "meta": payload}, "evil.pth")
    with mmcv_ops.checkpoint_globals(), pytest.raises(pickle.UnpicklingError):
        torch.load("evil.pth", weights_only=True)
    assert not (tmp_path / "ran").exists()
