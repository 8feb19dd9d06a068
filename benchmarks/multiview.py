"""Monocular fits of each view against joints triangulated from all of them (docs/multiview.md).

    python -m benchmarks.multiview FOLDER [--calibration FILE] [--agree 2] [key=value ...]

FOLDER has one video per camera, named like the camera, all with the same frames, and a calibration:
Qualisys' file, or JSON or TOML. key=value are settings of run.py (detector=blazepose by default).
Detection, fit and the later stages run on every view, and the views' detections make the truth. It
prints a line of JSON and a row of the table per view and person.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from jaxtyping import Float
from rich.console import Console
from rich.table import Table

from benchmarks.calibration import CalibratedCamera, read_calibration
from benchmarks.triangulation import Person, Seen, people_in
from fitting.joints import LSP_14, Keypoints
from fitting.result import FitResult
from fitting.starts.landmarks import landmarks
from pipeline.config import ROOT, to_config
from pipeline.evaluation.motion import foot_sliding, motion_errors, sides_exchanged
from pipeline.inputs.kinds import VIDEO_SUFFIXES
from pipeline.parcels import jobs_of
from pipeline.pipeline import stages_of, through
from pipeline.stages.sequence import result_of
from pipeline.stages.stage import Job

_FEWEST_FRAMES = 10  # with truth and fit; people with fewer are not measured
_STANDING = 0.15  # m/s; a slower ankle stands still
_SIDED = 12  # of LSP_14, all but neck and head top
_ANKLES = [LSP_14.index("right_ankle"), LSP_14.index("left_ankle")]
_COLUMNS = {
    "pa_mpjpe_mm": "PA",
    "mpjpe_mm": "MPJPE",
    "wa_mpjpe_mm": "WA",
    "accel_error_mm_per_frame2": "accel",
    "camera_accel_error_mm_per_frame2": "in camera axes",
    "camera_accel_error_m_per_s2": "m/s^2",
    "true_camera_accel_mm_per_frame2": "truth's own",
    "foot_sliding_mm_per_frame": "sliding",
    "exchanged_keypoints_percent": "swapped %",
    "turned_percent": "turned %",
    "tracks": "tracks",
    "frames": "frames",
}


@dataclass(frozen=True)
class Views:
    """What was found in all videos of a scene.

    Args:
        jobs: a view each, with the results of all stages.
        cameras: of the jobs.
        fps: frames per second.
        offsets: of the detector's landmarks from the body's joints (FitConfig.landmark_offsets).
    """

    jobs: list[Job]
    cameras: list[CalibratedCamera]
    fps: float
    offsets: dict[str, list[float]] = field(default_factory=dict)

    @cached_property
    def keypoints(self) -> list[Keypoints]:
        return [job.results["remap"].load() for job in self.jobs]

    @cached_property
    def fits(self) -> list[FitResult]:
        """The results of the last stage that fits; their joints are what the detector takes for
        them, because the truth's are too."""
        found = [result_of(job) for job in self.jobs]
        seen = [landmarks(torch.as_tensor(fit.joints), self.offsets).numpy() for fit in found]
        return [replace(fit, joints=joints) for fit, joints in zip(found, seen, strict=True)]

    def people(self, agree: int) -> list[Person]:
        """Everybody who is seen by enough views at once, with the truth about them.

        Args:
            agree: views that must agree on a joint.
        """
        seen = [
            Seen(k.frame, k.track, camera.normalised(k.xy), k.confidence)
            for camera, k in zip(self.cameras, self.keypoints, strict=True)
        ]
        projections = np.stack([camera.projection for camera in self.cameras])
        frames = 1 + max(int(k.frame.max()) for k in self.keypoints)
        return people_in(seen, projections, frames, agree)


def filmed(folder: Path, calibration: Path, settings: list[str]) -> Views:
    """Run detection and fits on the videos of all cameras.

    Raises:
        SystemExit: a camera has no video, or nobody is found in one.
    """
    cameras = read_calibration(calibration)
    videos = {p.stem for p in folder.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES}
    if missing := sorted(videos - set(cameras)):
        raise SystemExit(f"{calibration}: no camera is named {', '.join(missing)}")
    common = ["data=video", f"data.path={json.dumps(str(folder))}", "detector=blazepose"]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = to_config(compose("config", [*common, "render=none", *settings]))
    clips, _ = config.data.clips()
    jobs, _, skipped = through(stages_of(config), jobs_of(clips), config)
    if skipped or len(jobs) < 2:
        reasons = "; ".join(skip.reason for skip in skipped)
        raise SystemExit(f"{folder}: expected two views or more that can be fitted; {reasons}")
    fps = jobs[0].clip.facts().fps or 25.0
    found = [cameras[job.clip.path.stem] for job in jobs]
    return Views(jobs, found, fps, config.fit.landmark_offsets)


def errors_in(views: Views, view: int, person: Person) -> dict[str, Any] | None:
    """Errors of a person's fit in one view; None where too little is known.

    It counts the frames whose keypoints are this person's and whose joints are all known.
    """
    camera, keypoints, fits = views.cameras[view], views.keypoints[view], views.fits[view]
    truth = camera.in_camera(person.joints)
    frames = np.flatnonzero((person.rows[view] >= 0) & np.isfinite(truth).all((1, 2)))
    seen = keypoints[person.rows[view, frames]]
    places = {(f, t): i for i, (f, t) in enumerate(zip(fits.frame, fits.track, strict=True))}
    rows = np.array([places.get(key, -1) for key in zip(seen.frame, seen.track, strict=True)], int)
    there = (rows >= 0) & fits.fitted[rows]
    fit, seen, frames = fits[rows[there]], seen[there], frames[there]
    if len(fit) < _FEWEST_FRAMES:
        return None
    ankles = np.full((len(truth), 2, 3), np.nan)
    ankles[frames] = fit.joints[:, _ANKLES]
    whole = np.tile(np.arange(14) < _SIDED, (len(fit), 1))
    turned = sides_exchanged(fit.joints, truth[frames], whole)
    return {
        **motion_errors(fit.joints, truth[frames], frames, views.fps),
        "foot_sliding_mm_per_frame": foot_sliding(ankles, _standing(truth, views.fps)),
        "exchanged_keypoints_percent": 100 * float(_exchanged(seen, truth[frames], camera).mean()),
        "turned_percent": 100 * float(turned.mean()),
        "tracks": len(np.unique(fit.track)),
        "frames": len(fit),
    }


def _standing(truth: Float[np.ndarray, "T 14 3"], fps: float) -> np.ndarray:
    """Ankles that stand still from a frame to the next, (T, 2)."""
    speed = fps * np.linalg.norm(np.diff(truth[:, _ANKLES], axis=0), axis=-1)
    return np.concatenate([speed < _STANDING, np.zeros((1, 2), bool)])


def _exchanged(
    seen: Keypoints, truth: Float[np.ndarray, "N 14 3"], camera: CalibratedCamera
) -> np.ndarray:
    """Rows whose keypoints are nearer to the truth with left and right exchanged."""
    flat = np.zeros((2, len(seen), 14, 3))
    flat[0, ..., :2] = camera.normalised(seen.xy)
    flat[1, ..., :2] = truth[..., :2] / truth[..., 2:]
    return sides_exchanged(flat[0], flat[1], (seen.confidence > 0) & (np.arange(14) < _SIDED))


def measured(views: Views, people: list[Person]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and errors of every view and person."""
    for number, person in enumerate(people):
        for view, job in enumerate(views.jobs):
            errors = errors_in(views, view, person)
            if errors:
                yield f"{job.clip.name}, person {number}", errors


def main() -> None:
    parser = argparse.ArgumentParser(description="Monocular fits against triangulated joints.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--calibration", type=Path, help="default: the one in the folder")
    parser.add_argument("--agree", type=int, default=2, help="views that must agree on a joint")
    arguments, settings = parser.parse_known_args()
    calibration = arguments.calibration or calibration_in(arguments.folder)
    views = filmed(arguments.folder, calibration, settings)
    people = views.people(arguments.agree)
    table = Table("", *_COLUMNS.values(), box=None)
    rows = []
    for name, errors in measured(views, people):
        print(json.dumps({"row": name, "settings": settings, **errors}), flush=True)
        rows.append(errors)
        table.add_row(name, *(f"{errors[column]:.1f}" for column in _COLUMNS))
    if rows:
        means = {column: np.nanmean([row[column] for row in rows]) for column in _COLUMNS}
        table.add_row("mean", *(f"{value:.1f}" for value in means.values()))
    Console(width=140).print(table)
    for number, person in enumerate(people):
        known = np.isfinite(person.joints).all((1, 2)).mean()
        print(
            f"person {number}: all joints known in {100 * known:.0f} % of the frames, seen by "
            f"{(person.rows >= 0).sum(0).mean():.1f} views on average"
        )


def calibration_in(folder: Path) -> Path:
    """The one file of the folder that may be a calibration.

    Raises:
        SystemExit: there is none, or there are several.
    """
    found = [p for p in sorted(folder.iterdir()) if p.name.endswith((".qca.txt", ".toml", ".json"))]
    if len(found) != 1:
        raise SystemExit(
            f"{folder}: expected one .qca.txt, .toml or .json, found {len(found)}: "
            "name it with --calibration"
        )
    return found[0]


if __name__ == "__main__":
    main()
