"""ONNX models against what mmpose makes of the same weights (tests/detectors/tiny_rtmpose.py)."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from detectors import onnx_pose
from detectors.base import DetectorError, Resources
from detectors.onnx_models import OnnxModel, load_onnx, require_onnxruntime
from detectors.onnx_topdown import OnnxTopDown
from detectors.skeletons import HALPE_26
from tests.detectors.tiny_rtmpose import ARCHIVE, BOXES, FOUND, picture, write_boxes

pytest.importorskip("onnxruntime")


def found(tmp_path: Path, **options):
    boxes = write_boxes(tmp_path / "boxes.json")
    detector = OnnxTopDown(str(ARCHIVE), person_boxes=str(boxes), **options)
    return detector.detect([picture()], Resources(), "photo.png")


@pytest.fixture(scope="module")
def mmposes():
    """What mmpose finds: name -> array."""
    return dict(np.load(FOUND))


@pytest.mark.parametrize(("flip_test", "name"), [(False, "plain"), (True, "flipped")])
def test_joints_are_those_of_mmpose(flip_test, name, mmposes, tmp_path):
    ours = found(tmp_path, flip_test=flip_test)
    assert ours.joint_names == HALPE_26
    assert ours.boxes.tolist() == BOXES.tolist()
    assert np.abs(ours.keypoints - mmposes[f"{name}_keypoints"]).max() < 0.5
    assert np.abs(ours.scores - mmposes[f"{name}_scores"]).max() < 1e-3


def test_the_comparison_has_something_to_compare(mmposes):
    """Joints are all over the boxes, those of no two people alike, and mirrored looks matter."""
    within = (mmposes["plain_keypoints"] - BOXES[:, None, :2]) / (BOXES[:, 2:] - BOXES[:, :2])[
        :, None
    ]
    assert within.std(axis=(0, 1)).min() > 0.2
    for joint in within.swapaxes(0, 1):
        assert len(np.unique(joint.round(3), axis=0)) >= 3
    assert ((mmposes["flipped_scores"] > 0.05) & (mmposes["flipped_scores"] < 0.95)).mean() > 0.9
    moved = np.abs(mmposes["flipped_keypoints"] - mmposes["plain_keypoints"]).max(2)
    assert (moved > 0.5).mean() > 0.5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("_PADDING", 1.2),
        ("_MEAN", onnx_pose._MEAN[::-1]),
        ("_STD", 255 * np.ones(3, np.float32)),
        (
            "decode",
            lambda x, y: (np.float32([x.argmax(2).T, y.argmax(2).T]).T + 2, x.max(2)),
        ),
        ("mirrored", lambda names: list(range(len(names)))),
    ],
)
def test_another_convention_gives_other_joints(name, value, mmposes, tmp_path, monkeypatch):
    """So the comparison with mmpose would notice it."""
    monkeypatch.setattr(onnx_pose, name, value)
    ours = found(tmp_path)
    off = np.abs(ours.keypoints - mmposes["flipped_keypoints"]).max(2) > 0.5
    assert off.mean() > 0.1


def test_rtmlibs_colours_give_other_joints(mmposes, tmp_path):
    """It hands BGR to a network that learnt RGB."""
    boxes = write_boxes(tmp_path / "boxes.json")
    detector = OnnxTopDown(str(ARCHIVE), person_boxes=str(boxes))
    swapped = np.ascontiguousarray(picture()[..., ::-1])
    ours = detector.detect([swapped], Resources(), "photo.png")
    assert (np.abs(ours.keypoints - mmposes["flipped_keypoints"]).max(2) > 0.5).mean() > 0.5


class Session:
    """Stands in for onnxruntime's: remembers what it was asked for."""

    def __init__(self, answer, shape=("batch", 3, 128, 96)) -> None:
        self.answer, self.shape, self.asked = answer, list(shape), []

    def get_inputs(self):
        return [self]

    name, type = "input", "tensor(float)"

    def run(self, _names, fed):
        self.asked.append(fed["input"])
        return self.answer(fed["input"])


def simcc(joints=26, x=192, y=256):
    """A pose model that finds nothing."""
    return lambda pictures: [np.zeros((len(pictures), joints, bins), np.float32) for bins in (x, y)]


def model(session, name="rtmpose.onnx"):
    return OnnxModel(Path(name), session, "detector.checkpoint")


def test_people_of_a_frame_and_of_several_share_a_pass(tmp_path, monkeypatch):
    session = Session(simcc())
    monkeypatch.setattr("detectors.onnx_topdown.load_onnx", lambda *_: model(session))
    boxes = {"0": BOXES[:3].tolist(), "1": BOXES.tolist()}
    (tmp_path / "boxes.json").write_text(json.dumps({"clip.mp4": boxes}))
    detector = OnnxTopDown(
        "x.onnx", person_boxes=str(tmp_path / "boxes.json"), flip_test=False, max_people=3
    )
    people = detector.detect([picture()] * 2, Resources(batch_size=4), "clip.mp4")
    assert people.frame.tolist() == [0, 0, 0, 1, 1, 1]
    assert [len(pictures) for pictures in session.asked] == [1, 4, 2], "the first is a trial"


def test_a_model_of_a_fixed_batch_is_filled_up():
    session = Session(simcc(), shape=(4, 3, 128, 96))
    pictures = np.arange(6, dtype=np.float32)[:, None, None, None].repeat(3, 1)
    (x, _) = model(session).run(pictures)
    assert [asked[:, 0, 0, 0].tolist() for asked in session.asked] == [[0, 1, 2, 3], [4, 5, 4, 4]]
    assert x.shape == (6, 26, 192)


@pytest.mark.parametrize(
    ("session", "message"),
    [
        (Session(simcc(joints=21)), r"has 21 joints, and only 17 \(coco17\), .*detector\.skeleton"),
        (Session(simcc(x=96)), r"two outputs .* got \(1, 26, 96\), \(1, 26, 256\)"),
        (Session(lambda p: [np.zeros((1, 26, 32, 24))]), r"heatmap models run with detector=mmp"),
        (Session(simcc(), ("n", 3, "h", "w")), r"a fixed size .* got \['n', 3, 'h', 'w'\]"),
    ],
    ids=["21 joints", "bins", "heatmaps", "any size"],
)
def test_a_model_of_another_kind_is_refused(session, message):
    with pytest.raises(DetectorError, match=rf"^detector\.checkpoint: rtmpose\.onnx.*{message}"):
        onnx_pose.PoseNetwork(model(session), "auto", True)


def test_a_skeleton_can_be_named():
    network = onnx_pose.PoseNetwork(model(Session(simcc(joints=14))), "lsp14", True)
    assert network.joint_names[0] == "right_ankle"
    with pytest.raises(DetectorError, match=r"^detector\.skeleton: coco17 has 17 joints, .* 14$"):
        onnx_pose.PoseNetwork(model(Session(simcc(joints=14))), "coco17", True)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("skeleton", "human", "expected auto, lsp14, .* got human"),
        ("person_model", "yolov8", "expected auto, rtmdet, yolox, got yolov8"),
        ("person_size", 0, "expected >= 32, got 0"),
        ("box_score", 2, "expected 0..1, got 2"),
    ],
)
def test_bad_option_is_named(option, value, message):
    with pytest.raises(ValueError, match=rf"^OnnxTopDown\.{option}: {message}"):
        OnnxTopDown("x.onnx", **{option: value})


def test_files_are_the_users_own():
    web = "https://example.org/x.zip"
    assert OnnxTopDown(web).files() == {}
    assert OnnxTopDown("~/a.onnx", person_checkpoint="b.onnx").files() == {
        "checkpoint": Path("~/a.onnx").expanduser(),
        "person_checkpoint": Path("b.onnx"),
    }
    alone = OnnxTopDown("a.onnx", person_checkpoint="b.onnx", person_boxes="whole_image")
    assert set(alone.files()) == {"checkpoint"}
    assert set(OnnxTopDown(web, person_boxes="c.json").files()) == {"person_boxes"}


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return path


def test_files_that_are_no_models_are_refused(tmp_path):
    text = tmp_path / "text.onnx"
    text.write_text("no model")
    checkpoint = archive(tmp_path / "rtmpose.pth", archive__data_dot_pkl=b"x")
    empty = archive(tmp_path / "empty.zip", readme_dot_md=b"x")
    damaged = tmp_path / "damaged.zip"
    content = bytearray(ARCHIVE.read_bytes())
    content[5000] ^= 255
    damaged.write_bytes(content)
    cut = tmp_path / "cut.onnx"
    with zipfile.ZipFile(ARCHIVE) as whole:
        cut.write_bytes(whole.read(whole.namelist()[0])[:100_000])
    for path, message in {
        text: r"expected an \.onnx file, or a \.zip with one in it, got one that onnxruntime can",
        checkpoint: r"is a checkpoint of PyTorch, .* detector=mmpose detector\.config=CONFIG",
        empty: r"expected one \.onnx file in it, found 0$",
        damaged: r"cannot load \(.*\); if it was downloaded, delete it and run again",
        cut: r"cannot load \(",
    }.items():
        with pytest.raises(DetectorError, match=rf"^detector\.checkpoint: {path}.*{message}"):
            load_onnx(path, "detector.checkpoint", Resources())


def test_an_archive_that_unpacks_to_more_than_a_model_is_refused(monkeypatch):
    monkeypatch.setattr("detectors.onnx_models._LARGEST", 100_000)
    with pytest.raises(DetectorError, match=r"cannot load \(it unpacks to \d{6} bytes\)"):
        load_onnx(ARCHIVE, "detector.checkpoint", Resources())


def test_a_device_that_onnxruntime_lacks_is_refused():
    with pytest.raises(DetectorError, match=r"^runtime\.device: cuda:1 .* onnxruntime-gpu"):
        load_onnx(ARCHIVE, "detector.checkpoint", Resources(device="cuda:1"))


def test_without_onnxruntime_the_command_that_installs_it_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install .*onnxruntime$"):
        require_onnxruntime()
    fetched = []
    monkeypatch.setattr("detectors.onnx_topdown.fetch_all", lambda *_: fetched.append(1) or {})
    with pytest.raises(ModuleNotFoundError):
        OnnxTopDown(str(ARCHIVE)).detect([], Resources(weights_dir=tmp_path), "x")
    assert not fetched, "nothing is downloaded for it"
