"""Numbers that are none, in a keypoint file: a status for everybody, and no NaN in any output."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from detectors.keypoint_file import KeypointFile
from detectors.skeletons import LSP_14
from pipeline.inputs.sources import Photos
from tests.faults.test_bad_input import run_on
from tests.pipeline.fake_detector import JOINTS, photo

BAD = (np.nan, np.inf, -np.inf, -1.0, 1e30, -1e30, 0.0, 1e-30, 3.4e38)


def write_people(path: Path, people: int, seed: int) -> None:
    """An npz of one picture per person; bad numbers are put in everywhere."""
    rng = np.random.default_rng(seed)
    arrays = {
        "image": np.array([f"p{row:02d}.png" for row in range(people)]),
        "keypoints": np.tile(np.array(JOINTS), (people, 1, 1)),
        "scores": np.full((people, 14), 0.9),
        "boxes": np.tile([30.0, 20, 70, 110], (people, 1)),
        "joint_names": np.array(LSP_14),
    }
    for row in range(1, people):
        for name in ("keypoints", "scores", "boxes"):
            flat = arrays[name][row].reshape(-1)
            places = rng.choice(flat.size, rng.integers(0, flat.size // 2 + 1), replace=False)
            flat[places] = rng.choice(BAD, len(places))
    arrays["scores"][1] = np.nan
    arrays["keypoints"][2] = np.inf
    arrays["scores"][3] = -0.5
    arrays["boxes"][4] = 50  # 0 x 0
    arrays["boxes"][5] = np.nan
    np.savez(path, **arrays)


@pytest.mark.parametrize("people", ["all", "largest"])
def test_bad_numbers_anywhere(people: str, tmp_path: Path) -> None:
    check(tmp_path, 14, people, seed=0)


@pytest.mark.torture
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(1, 6))
def test_bad_numbers_in_200_people(seed: int, tmp_path: Path) -> None:
    check(tmp_path, 200, "all", seed)


def check(folder: Path, people: int, choice: str, seed: int) -> None:
    (folder / "in").mkdir()
    for row in range(people):
        Pillow.fromarray(photo(50 + row % 100)).save(folder / f"in/p{row:02d}.png")
    write_people(folder / "keypoints.npz", people, seed)
    detector = KeypointFile(str(folder / "keypoints.npz"))
    data = Photos(str(folder / "in"), choice)  # pyright: ignore[reportArgumentType]
    ended, entries = run_on(folder, limit=600, data=data, detector=detector)
    assert ended.code == 0
    by_name = {Path(entry["source"]).stem: entry for entry in entries}
    assert len(by_name) == people
    assert by_name["p00"]["people"][0]["status"] in ({"converged": 1}, {"max_iterations": 1})
    for name in ("p01", "p02", "p03"):
        assert by_name[name]["status"] == "skipped"
    assert {by_name[name]["status"] for name in ("p04", "p05")} <= {"fitted", "skipped"}
    for entry in entries:
        assert entry["status"] == "skipped" or entry["people"][0]["status"]


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_bad_numbers_in_json(number: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Pillow.fromarray(photo(90)).save(tmp_path / "in/a.png")
    path = tmp_path / "a.json"
    person = {"keypoints": np.array(JOINTS).tolist(), "keypoint_scores": [0.9] * 14}
    text = json.dumps([person])
    path.write_text(text.replace("103.8", number).replace("0.9", number, 2))
    ended, _ = run_on(tmp_path, detector=KeypointFile(str(path), skeleton="lsp14"))
    assert ended.code in (0, 1)


@pytest.mark.parametrize("score", [np.nan, -1.0, 0.0])
def test_scores_that_say_nothing(score: float, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Pillow.fromarray(photo(90)).save(tmp_path / "in/im0001.png")
    joints = np.concatenate([np.array(JOINTS), np.full((14, 1), score)], 1).T[:, :, None]
    np.savez(tmp_path / "est.npz", est_joints=joints)
    ended, (entry,) = run_on(tmp_path, detector=KeypointFile(str(tmp_path / "est.npz")))
    assert ended.code == 2
    assert entry["reason"].endswith("no person found in it")
