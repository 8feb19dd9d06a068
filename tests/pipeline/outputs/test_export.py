"""What lands in the output folder."""

import json
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from fitting.joints import LSP_14, Keypoints
from fitting.objective.terms import TERMS, names_of
from fitting.result import FitResult
from fitting.solver.status import Status
from pipeline.config import Config
from pipeline.inputs.clips import Skipped
from pipeline.inputs.sources import Photos
from pipeline.outputs.export import export
from pipeline.outputs.npz import CONVENTION, Npz
from pipeline.outputs.pictures import Pictures
from pipeline.outputs.writer import Files, Run, Writer
from pipeline.stages.render import PictureFile
from pipeline.stages.stage import Job
from pipeline.storage.cache import Cache, to_arrays
from tests.pipeline.fake_detector import fit_result, photo

KEY = "5a" * 32
UNSEEN = {"left_hip": 0.4, "right_knee": 0.0}
KEYPOINTS = Keypoints(
    np.zeros(4, np.int32),
    np.arange(4, dtype=np.int32),
    np.array(
        [[(500.0, 0.0) if "ankle" in name else (0.0, 0.0) for name in LSP_14]] * 4, np.float32
    ),
    np.array([[UNSEEN.get(name, 0.9) for name in LSP_14]] * 4, np.float32),
    person_score=np.full(4, 0.8, np.float32),
)
SEEN = [name for name in LSP_14 if name not in UNSEEN and "ankle" not in name]
STEPS = ("start", "camera", "1", "2", "3", "3 (2)")


def two_people() -> FitResult:
    """Two people in two frames each; one row of the second was skipped."""
    result = fit_result(4)
    on = np.ones((4, 6, 7), bool)
    on[0, 1:5] = False
    on[1] = False
    return replace(
        result,
        stage_terms=np.arange(4 * 6 * 7).reshape(4, 6, 7) * 10.0002,  # rounded to 4 digits
        stage_on=on,
        frame=np.array([0, 0, 1, 1], np.int32),
        track=np.array([0, 1, 0, 1], np.int32),
        reprojection_error=np.array([2.0, 5.0, 4.0, 999.0]),
        expected_error=np.array([0.03, 0.0, 0.05, 0.0]),
        status=np.array([Status.CONVERGED, Status.STALLED, 1, Status.SKIPPED], np.int32),
    )


def job_of(folder: Path, result: FitResult, *, key: str = KEY, rendered: bool = True) -> Job:
    """A photo with results as the stages leave them."""
    path = folder / "in" / "a photo.png"
    path.parent.mkdir(exist_ok=True)
    Pillow.fromarray(photo(90)).save(path)
    (clip,), _ = Photos(str(path)).clips()
    cache = Cache(folder / "cache")
    stages = {"stages": [{"name": "1"}, {"name": "2"}, {"name": "3"}], "refine": [{"name": "3"}]}
    config = {"gender": "female", **stages}
    made = {"seconds": 1.25, "config": config, "files": {"body": "0badb0d1"}}
    seen = replace(KEYPOINTS[: len(result)], frame=result.frame, track=result.track)
    results = {
        "remap": cache.store("remap", clip.name, key, seen, {"seconds": 0.25}),
        "fit": cache.store("fit", clip.name, key, result, made),
    }
    if rendered:
        picture = PictureFile(np.frombuffer(b"jpeg bytes", np.uint8), ".jpg")
        stored = cache.store("render", clip.name, key, picture, {"seconds": 0.5})
        results["render"] = replace(stored, cached=True)
    return Job(clip, results)


def settings(folder: Path, *writers: Any) -> Config:
    """What `export` looks at."""
    runtime: Any = SimpleNamespace(output_dir=str(folder))
    return Config(
        export={str(i): w for i, w in enumerate(writers or (Npz(), Pictures()))}, runtime=runtime
    )


def test_the_summary_says_everything_about_an_input(tmp_path: Path) -> None:
    job = job_of(tmp_path, two_people())
    lost = Skipped(Path("in/notes.jpg"), "in/notes.jpg: not a picture")
    summary = export([job], [lost], settings(tmp_path / "out"))
    assert summary == json.loads((tmp_path / "out/summary.json").read_text())
    terms = names_of(TERMS)
    off = dict.fromkeys(terms, "off")
    first = dict(zip(terms, range(0, 70, 10), strict=True))
    last = dict(zip(terms, range(350, 420, 10), strict=True))
    assert summary == {
        "fitted": 1,
        "skipped": 1,
        "failed": 0,
        "people": 2,
        "errors": [],
        "seconds_computing": {"remap": 0.25, "fit": 1.25, "render": 0.0},
        "inputs": [
            {
                "name": "a_photo",
                "source": str(job.clip.path),
                "status": "fitted",
                "people": [
                    {
                        "track": 0,
                        "frames": 2,
                        "status": {"converged": 1, "max_iterations": 1},
                        "reprojection_error_px": 3.0,
                        "expected_error_mm": 40.0,
                        "person_score": 0.8,
                        "seen": SEEN,
                        "focal_length_px": 160.0,
                        "center_px": [47.5, 47.5],
                        "terms": {
                            "start": first,
                            "camera": off,
                            "1": off,
                            "2": off,
                            "3": off,
                            "3 (2)": last,
                        },
                    },
                    {
                        "track": 1,
                        "frames": 2,
                        "status": {"skipped": 1, "stalled": 1},
                        "reprojection_error_px": 5.0,
                        "expected_error_mm": None,
                        "person_score": 0.8,
                        "seen": SEEN,
                        "focal_length_px": 160.0,
                        "center_px": [47.5, 47.5],
                        "terms": dict.fromkeys(STEPS, off),
                    },
                ],
                "seconds": {"remap": 0.25, "fit": 1.25, "render": 0.5},
                "cached": {"remap": False, "fit": False, "render": True},
                "files": {"parameters": "a_photo.npz", "picture": "a_photo.jpg"},
            },
            {
                "name": "notes.jpg",
                "source": "in/notes.jpg",
                "status": "skipped",
                "reason": "in/notes.jpg: not a picture",
            },
        ],
    }
    assert (tmp_path / "out/a_photo.jpg").read_bytes() == b"jpeg bytes"


def test_a_person_who_was_never_fitted_has_no_error(tmp_path: Path) -> None:
    result = replace(two_people(), status=np.array([0, 4, 0, 4], np.int32))
    (entry,) = export([job_of(tmp_path, result)], [], settings(tmp_path / "out"))["inputs"]
    assert [p["reprojection_error_px"] for p in entry["people"]] == [3.0, None]
    assert [bool(p["terms"]) for p in entry["people"]] == [True, False]


def test_names_in_the_summary_are_unique(tmp_path: Path) -> None:
    paths = [Path("a_photo"), Path("x/b.jpg"), Path("y/b.jpg"), Path("b.png")]
    skipped = [Skipped(path, "empty") for path in paths]
    summary = export([job_of(tmp_path, two_people())], skipped, settings(tmp_path / "out"))
    names = [entry["name"] for entry in summary["inputs"]]
    assert len(set(names[:1] + names[2:])) == len(names) - 1
    assert names[2:] == ["b.jpg", "y/b.jpg", "b.png"]


def test_the_parameters_are_every_field_and_what_is_needed_to_use_them(tmp_path: Path) -> None:
    result = two_people()
    job = job_of(tmp_path, result)
    export([job], [], settings(tmp_path / "out"))
    with np.load(tmp_path / "out/a_photo.npz", allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive}
    expected = to_arrays(result)
    own = {field.name for field in fields(FitResult)} - {"params", "camera", "trail"}
    smplx = {"betas", "global_orient", "body_pose", "transl"}
    steps = {f"stage_{name}" for name in smplx}
    assert own | smplx | steps | {"focal_length", "center"} == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(arrays[name], array, err_msg=name)
    assert arrays["body_pose"].shape == (4, 69)
    assert tuple(arrays["joint_names"]) == LSP_14
    assert tuple(arrays["term_names"]) == names_of(TERMS)
    assert tuple(arrays["stage_names"]) == STEPS
    assert arrays["status_names"][arrays["status"]].tolist() == [
        "converged",
        "stalled",
        "max_iterations",
        "skipped",
    ]
    assert arrays["image_size"].tolist() == [96, 128]
    assert arrays["fps"] == 0
    assert arrays["seen"].tolist() == [[name in SEEN for name in LSP_14]] * 4
    assert str(arrays["source"]) == str(job.clip.path)
    assert str(arrays["convention"]) == CONVENTION
    assert (str(arrays["gender"]), str(arrays["body_sha256"])) == ("female", "0badb0d1")
    assert str(arrays["fit_key"]) == KEY


def test_the_same_results_are_not_written_again(tmp_path: Path) -> None:
    job, out = job_of(tmp_path, two_people()), tmp_path / "out"
    export([job], [], settings(out))
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    export([job], [], settings(out))
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == before


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 no zip", b"text"], ids=repr)
def test_damaged_outputs_are_replaced(damage: bytes, tmp_path: Path) -> None:
    job, out = job_of(tmp_path, two_people()), tmp_path / "out"
    export([job], [], settings(out))
    for name in ("a_photo.npz", "a_photo.jpg", "summary.json"):
        (out / name).write_bytes(damage)
    export([job], [], settings(out))
    with np.load(out / "a_photo.npz") as archive:
        assert str(archive["fit_key"]) == KEY
    assert (out / "a_photo.jpg").read_bytes() == b"jpeg bytes"
    assert json.loads((out / "summary.json").read_text())["fitted"] == 1


def test_another_fit_replaces_the_parameters(tmp_path: Path) -> None:
    export([job_of(tmp_path, two_people())], [], settings(tmp_path / "out"))
    other = replace(two_people(), cost=np.arange(4.0))
    export([job_of(tmp_path, other, key="6b" * 32)], [], settings(tmp_path / "out"))
    with np.load(tmp_path / "out/a_photo.npz") as archive:
        assert archive["cost"].tolist() == [0, 1, 2, 3]


def test_without_pictures_there_are_parameters_only(tmp_path: Path) -> None:
    job = job_of(tmp_path, two_people(), rendered=False)
    (entry,) = export([job], [], settings(tmp_path / "out"))["inputs"]
    assert entry["files"] == {"parameters": "a_photo.npz"}
    assert not (tmp_path / "out/a_photo.jpg").exists()


class Notes(Writer):
    """A format from outside: a text per input, and one of the run."""

    def write(self, job: Job, run: Run) -> Files:
        (run.folder / f"{job.clip.name}.txt").write_text(f"{len(job.results['fit'].load())} rows")
        return {"notes": [f"{job.clip.name}.txt"]}

    def close(self, run: Run, summary: dict[str, Any]) -> None:
        names = [entry["name"] for entry in summary["inputs"]]
        (run.folder / "all.txt").write_text(f"{len(run.jobs)} of {names}")


def test_a_format_is_one_class(tmp_path: Path) -> None:
    job, lost = job_of(tmp_path, two_people()), Skipped(Path("b.jpg"), "b.jpg: empty")
    out = tmp_path / "out"
    summary = export([job], [lost], settings(out, Npz(), Notes()))
    assert summary["inputs"][0]["files"] == {"parameters": "a_photo.npz", "notes": ["a_photo.txt"]}
    assert (out / "a_photo.txt").read_text() == "4 rows"
    assert (out / "all.txt").read_text() == "1 of ['a_photo', 'b.jpg']"


def test_no_format_at_all_leaves_the_summary(tmp_path: Path) -> None:
    config = settings(tmp_path / "out")
    config.export = {}
    export([job_of(tmp_path, two_people())], [], config)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["summary.json"]
