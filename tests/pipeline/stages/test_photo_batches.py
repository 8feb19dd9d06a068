"""Photos in one call of a detector: the same results, and no photo suffers from another."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from detectors.base import Image
from pipeline.config import ConfigError
from pipeline.groups import RuntimeConfig
from pipeline.inputs.clips import ClipError
from pipeline.inputs.sources import Photos
from pipeline.parcels import jobs_of
from pipeline.stages.detect import detect_stage
from pipeline.stages.photo_batches import in_batches
from pipeline.stages.stage import Done, Job
from tests.detectors.tiny_rtmpose import ARCHIVE, picture
from tests.pipeline.fake_detector import FakeDetector, photo
from tests.pipeline.runs import calls

SHADES = {"a": 90, "b": 120, "nobody": 0, "z": 200}


@dataclass
class Together(FakeDetector):
    """Takes photos together; chokes on those of one shade."""

    chokes_on: int = -1

    def together(self) -> bool:
        return True

    def _people(self, frame: Image) -> Any:
        if frame.max() == self.chokes_on:
            raise RuntimeError("no memory for this one")
        return super()._people(frame)


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    (tmp_path / "in").mkdir()
    for name, shade in SHADES.items():
        Pillow.fromarray(photo(shade)).save(tmp_path / f"in/{name}.png")
    return jobs_of(Photos(str(tmp_path / "in")).clips()[0])


def computed(detector: Any, jobs: list[Job], folder: Path) -> dict[str, Done]:
    runtime = RuntimeConfig("cpu", 1, 16, str(folder), str(folder), str(folder / "weights"))
    done = list(detect_stage(detector, runtime).compute(jobs, lambda: None))
    assert [one.job.clip.name for one in done] == [job.clip.name for job in jobs]
    return {one.job.clip.name: one for one in done}


def test_photos_of_a_parcel_are_seen_in_one_call(jobs, tmp_path):
    done = computed(Together(), jobs, tmp_path)
    assert calls(tmp_path) == ["a.png"]
    counts = {name: len(one.result) for name, one in done.items()}
    assert counts == {"a": 1, "b": 1, "nobody": 0, "z": 1}
    assert all((one.result.frame == 0).all() for one in done.values())
    assert [one.last for one in done.values()] == [False, False, False, True]
    alone = computed(FakeDetector(), jobs, tmp_path)
    assert len(calls(tmp_path)) == 1 + len(jobs)
    for name, one in done.items():
        for field, value in vars(one.result).items():
            np.testing.assert_array_equal(value, getattr(alone[name].result, field))


def test_a_photo_that_cannot_be_decoded_is_the_only_one_to_miss(jobs, tmp_path):
    path = jobs[1].clip.path
    path.write_bytes(path.read_bytes()[:60])
    done = computed(Together(), jobs, tmp_path)
    assert len(calls(tmp_path)) == 1
    assert isinstance(done["b"].result, ClipError)
    assert len(done["z"].result) == 1, "the frames after it keep their photos"
    assert len(done["nobody"].result) == 0


def test_a_photo_that_the_detector_cannot_bear_is_the_only_one_to_miss(jobs, tmp_path):
    done = computed(Together(chokes_on=120), jobs, tmp_path)
    assert len(calls(tmp_path)) == 1 + len(jobs), "each again, alone"
    assert isinstance(done["b"].result, RuntimeError)
    assert [len(done[name].result) for name in ("a", "nobody", "z")] == [1, 0, 1]


def test_missing_weights_are_looked_for_once(jobs, tmp_path):
    with pytest.raises(ConfigError, match=r"^detector: could not download"):
        computed(Together(broken=True), jobs, tmp_path)


def test_the_option_that_is_wrong_is_named_once(jobs, tmp_path):
    pytest.importorskip("onnxruntime")
    from detectors.onnx_topdown import OnnxTopDown

    (tmp_path / "x.onnx").write_text("no model")
    detector = OnnxTopDown(str(tmp_path / "x.onnx"), person_boxes="whole_image")
    with pytest.raises(ConfigError, match=r"^detector\.checkpoint: .*x\.onnx: expected an \.onnx"):
        computed(detector, jobs, tmp_path)


def test_batches_are_of_one_parcel_and_videos_alone(jobs):
    video = replace(jobs[0], clip=replace(jobs[0].clip, video=True), parcel=2)
    many = [replace(jobs[0], parcel=0)] * 20 + [replace(jobs[0], parcel=1)] * 3 + [video]
    sizes = [[len(some), some[0].parcel] for some in in_batches([*many, video])]
    assert sizes == [[16, 0], [4, 0], [3, 1], [1, 2], [1, 2]]


def test_people_of_several_photos_share_a_forward_pass(tmp_path, monkeypatch):
    """ONNX and mmpose have the same way from frames to crops (detectors/top_down.py)."""
    pytest.importorskip("onnxruntime")
    from detectors.onnx_models import OnnxModel
    from detectors.onnx_topdown import OnnxTopDown

    (tmp_path / "in").mkdir()
    for name in "abc":
        Pillow.fromarray(picture()).save(tmp_path / f"in/{name}.png")
    passes, run = [], OnnxModel.run
    monkeypatch.setattr(
        OnnxModel, "run", lambda self, some: passes.append(len(some)) or run(self, some)
    )
    detector = OnnxTopDown(str(ARCHIVE), person_boxes="whole_image", flip_test=False)
    several = jobs_of(Photos(str(tmp_path / "in")).clips()[0])
    done = computed(detector, several, tmp_path)
    assert passes == [1, 3], "a trial, then all"
    (alone,) = computed(detector, several[:1], tmp_path).values()
    assert np.abs(alone.result.keypoints - done["c"].result.keypoints).max() < 0.01


def test_a_file_of_boxes_is_asked_for_each_photo_by_its_name():
    from detectors.mmpose_topdown import MMPoseTopDown

    assert MMPoseTopDown("x.py").together()
    assert not MMPoseTopDown("x.py", person_boxes="boxes.json").together()
