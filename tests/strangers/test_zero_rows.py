"""A frame in which nobody is found: whatever takes N rows takes none of them, too."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from detectors.base import Detections
from detectors.keypoint_files.rows import people_of
from detectors.skeletons import LSP_14
from fitting import Assets, BodyModel, Camera, FitConfig, fit, smplify
from fitting.body.kinematics import Kinematics
from fitting.objective.terms import TERMS
from fitting.result import FitResult
from pipeline import pipeline
from pipeline.datasets.synthetic import draw_cases
from pipeline.datasets.synthetic_data import figures_of
from pipeline.drawing import around, overlay
from pipeline.drawing.mesh_renderer import render
from pipeline.drawing.rasterizers import Backend
from pipeline.evaluation.contact_sheets import rankings
from pipeline.evaluation.evaluate import Evaluation, metrics_of, write_evaluation
from pipeline.evaluation.metrics import body_errors
from pipeline.evaluation.pck import Annotation, Guess, pck_columns, pck_tables
from pipeline.evaluation.silhouettes import accuracy_and_f1, part_labels
from pipeline.groups import Picture, RenderConfig, TrackingConfig
from pipeline.inputs.clips import PeopleChoice
from pipeline.inputs.sources import Video
from pipeline.inputs.videos import VideoReader, write_video
from pipeline.outputs.export import export
from pipeline.stages.draw import draw, meshes_of, view_of
from pipeline.stages.progress import Artist, blended
from pipeline.stages.remap import select, to_lsp
from pipeline.stages.tracking import identify
from tests.conftest import ROOT
from tests.faults.inputs import cheap
from tests.pipeline.fake_detector import HEIGHT, WIDTH, detections, fit_result, keypoints, photo
from tests.strangers.no_rows import arguments, array_functions, lengths

PRESETS = ("lifted", "multistart", "smplify", "smplify_release")
FUNCTIONS = array_functions()


def test_functions_are_found_by_their_annotations() -> None:
    assert len(FUNCTIONS) > 25
    assert {"fitting.camera.project", "pipeline.evaluation.metrics.pa_mpjpe"} <= FUNCTIONS.keys()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_public_functions_of_arrays(name: str) -> None:
    found = FUNCTIONS[name](**arguments(FUNCTIONS[name]))
    assert lengths(found) <= {0}


def nobodys_camera() -> Camera:
    return Camera(np.zeros(0), np.zeros((0, 2)))


@pytest.mark.parametrize("name", PRESETS)
def test_the_fit_and_every_step_of_it(
    name: str, preset: Callable[..., FitConfig], assets: Assets
) -> None:
    config = preset(name)
    found = fit(keypoints(0), nobodys_camera(), assets, config)
    assert lengths(found) == {0}
    with torch.no_grad():  # all stages, which `fit` spares itself
        fitted = smplify._fitted(keypoints(0), nobodys_camera(), assets, config, "cpu", TERMS)
    assert len(fitted.terms) == len(fitted.spread) == 0


NOBODY = fit_result(0)
VIEW = view_of(NOBODY, (WIDTH, HEIGHT))
SETTINGS = {p: RenderConfig(p, Backend.raycast, 0.8, False, None, None) for p in Picture}
TRACKING = TrackingConfig(max_gap=1.5, min_similarity=0.2, min_frames=3)
POINTS = np.zeros((0, 14, 2)), np.zeros((0, 14))
TRUTH, GUESS = Annotation(POINTS[0], np.zeros((0, 14), bool)), Guess.nothing(0)
MEASURED = Evaluation((), np.zeros(0, bool), {"error_mm": np.zeros(0)}, ranking="error_mm")

ROWS: dict[str, Callable[[BodyModel, Path], Any]] = {
    "vertices": lambda body, _: body.vertices(NOBODY.params),
    "meshes": lambda body, _: meshes_of(body, NOBODY.params, NOBODY.track),
    "between": lambda body, _: blended(NOBODY.params, NOBODY.params, 0.5),
    "concatenate": lambda body, _: FitResult.concatenate([NOBODY, NOBODY]),
    "trail": lambda body, _: NOBODY.trail.bodies(0),
    "identify": lambda body, _: identify(detections(0), 25.0, TRACKING),
    "select largest": lambda body, _: select(detections(0), PeopleChoice.largest),
    "select all": lambda body, _: select(detections(0), PeopleChoice.all),
    "remap": lambda body, _: to_lsp(detections(0), (WIDTH, HEIGHT), 0.1),
    "people of a file": lambda body, _: people_of(np.zeros((0, 14, 3))),
    "no frames": lambda body, _: Detections.from_frames([], LSP_14),
    "3-D errors": lambda body, _: body_errors(NOBODY, NOBODY.params, NOBODY.joints, body),
    "PCK": lambda body, _: pck_columns(TRUTH, GUESS),
    "drawn people": lambda body, _: draw_cases(0, body, np.zeros((1, 69))),
}


@pytest.mark.parametrize("name", ROWS)
def test_no_row_in_no_row_out(name: str, body: BodyModel, tmp_path: Path) -> None:
    assert lengths(ROWS[name](body, tmp_path)) <= {0}


@pytest.mark.parametrize("picture", [Picture.overlay, Picture.side_by_side])
def test_a_frame_with_nobody_is_drawn_as_it_is(picture: Picture, body: BodyModel) -> None:
    drawn = draw(photo(90), NOBODY, keypoints(0), body, SETTINGS[picture])
    left = drawn[:, :WIDTH]
    assert (left == 90).all()


def test_nothing_to_draw(body: BodyModel) -> None:
    assert not render([], VIEW, Backend.raycast).alpha.any()
    assert (overlay.overlay(photo(90), [], VIEW, backend=Backend.raycast) == 90).all()
    around.from_the_side([], VIEW, Backend.raycast)
    around.from_around([], VIEW, 1.0, Backend.raycast)
    picture = photo(90)
    overlay.draw_residuals(picture, np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0))
    assert (picture == 90).all()
    artist = Artist(body, Kinematics(body, 10), SETTINGS[Picture.overlay])
    assert (artist.draw(photo(90), VIEW, NOBODY.params, keypoints(0)) == 90).all()
    assert not part_labels(NOBODY, body, (WIDTH, HEIGHT), Backend.raycast).any()


def test_nothing_to_measure_or_write(tmp_path: Path) -> None:
    assert metrics_of(MEASURED)["means"]["error_mm"]["mean"] is None
    write_evaluation(MEASURED, tmp_path)
    assert rankings(MEASURED) == {}
    tables = pck_tables(TRUTH, {"fit": GUESS})
    assert np.isnan(tables["pck_at_02_torso"]["neck"]["fit"])
    accuracy, f1 = accuracy_and_f1([], labels=3)
    assert accuracy == 0
    assert np.isnan(f1).tolist() == [True] * 3
    nothing = {"pa_mpjpe_mm": np.zeros(0), "expected_error_mm": np.zeros(0)}
    assert np.isnan(figures_of(nothing)["auc_of_worst_10_percent"])
    assert export([], [], cheap(tmp_path, tmp_path))["fitted"] == 0


GONE = {"first": [0, 90, 90], "middle": [90, 0, 90], "last": [90, 90, 0]}
FORMATS = {path.stem for path in (ROOT / "conf/export").glob("*.yaml")}
FORMATS -= {"progress"}  # one frame with somebody in it, and takes 10 s


def test_videos_with_frames_in_which_nobody_is_found(tmp_path: Path) -> None:
    """A real run: black frames first, in the middle and last; a video of nothing else."""
    (tmp_path / "in").mkdir()
    for name, shades in {**GONE, "all": [0, 0]}.items():
        write_video(tmp_path / "in" / f"{name}.mp4", map(photo, shades), fps=5)
    data = Video(str(tmp_path / "in"), people=PeopleChoice.largest)
    config = cheap(tmp_path / "in", tmp_path, "render=side_by_side", "sequence=none", data=data)
    summary = pipeline.run(config)
    status = {entry["name"]: entry["status"] for entry in summary["inputs"]}
    assert status == {**dict.fromkeys(GONE, "fitted"), "all.mp4": "skipped"}
    for name, shades in GONE.items():
        (entry,) = (e for e in summary["inputs"] if e["name"] == name)
        assert entry["people"][0]["frames"] == np.count_nonzero(shades)
        assert len(list(VideoReader().frames(tmp_path / f"output/{name}.mp4"))) == len(shades)


def test_every_format_of_a_video_with_frames_in_which_nobody_is_found(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", map(photo, [0, 90, 0]), fps=5)
    formats = f"export=[{','.join(sorted(FORMATS))}]"
    config = cheap(tmp_path, tmp_path, formats, data=Video(str(tmp_path / "a.mp4")))
    summary = pipeline.run(config)
    assert (summary["fitted"], summary["people"]) == (1, 1)
    assert (
        summary["inputs"][0]["files"].items() >= {"parameters": "a.npz", "picture": "a.mp4"}.items()
    )
