"""`export=[npz]`: every field of the fit, and all that one needs to use it without this project."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from fitting.joints import LSP_14
from fitting.sequence.camera_path import Move
from fitting.sequence.motion import Motion
from fitting.solver.status import Status
from fitting.trail import step_names
from pipeline.outputs.scene import UPRIGHT, WORLD
from pipeline.outputs.writer import Files, Run, Writer
from pipeline.stages.remap import seen_joints
from pipeline.stages.sequence import NAME as SEQUENCE
from pipeline.stages.sequence import common_world, last_of, motion_of
from pipeline.stages.stage import Job
from pipeline.storage.cache import check, npz_bytes, opened, to_arrays
from pipeline.storage.whole_files import replacing

CONVENTION = (
    "camera frame: OpenCV axes (x right, y down, z forward), metres, radians; smplx parameter "
    "names and order, vertices = SMPL(betas, global_orient, body_pose) + transl; pixels of the "
    "upright image, pixel centres at integers; joints in LSP order, person-centric"
)


@dataclass
class Npz(Writer):
    """<name>.npz: one row per person per frame, under smplx's names (docs/conventions.md)."""

    def write(self, job: Job, run: Run) -> Files:
        """Write the parameters, unless those of this very fit exist."""
        path = run.folder / f"{job.clip.name}.npz"
        identity = identity_of(job)
        if not is_from(path, identity):  # this also saves opening a video, which imports cv2
            write_npz(path, arrays_of(job) | identity)
        return {"parameters": path.name}


def identity_of(job: Job) -> dict[str, np.ndarray]:
    """Which fit of which input it is."""
    return {"fit_key": np.array(last_of(job).key), "source": np.array(str(job.clip.path))}


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a whole file or none."""
    content = npz_bytes(arrays)
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def steps_of(job: Job) -> tuple[str, ...]:
    """Names of the steps of the fit, from the settings that it was computed with."""
    config = job.results["fit"].provenance["config"]
    stages = [stage["name"] for stage in (*config["stages"], *config["refine"])]
    return step_names([*stages, "track"] if SEQUENCE in job.results else stages)


def seen_in(motion: Motion, job: Job) -> Bool[np.ndarray, "N 14"]:
    """Which joints of each row the detector saw; none in frames that were filled."""
    return seen_joints(motion.keypoints, job.clip.facts().image_size)


def _person_scores(motion: Motion) -> dict[str, np.ndarray]:
    """Nothing if the detector has no such scores."""
    scores = motion.keypoints.person_score
    return {} if np.isnan(scores).all() else {"person_score": scores}


def arrays_of(job: Job) -> dict[str, np.ndarray]:
    """Everything about the people of a clip."""
    fit, facts = job.results["fit"], job.clip.facts()
    motion = motion_of(job)
    result = motion.result
    time = facts.seconds_of(result.frame)
    if not facts.fps:
        time[result.frame > 0] = np.nan
    return (
        to_arrays(result)
        | _world(motion)
        | _person_scores(motion)
        | (_camera_moves(motion) if SEQUENCE in job.results else {})
        | {
            "seen": seen_in(motion, job),
            "time": time,
            "source_frame": facts.numbers_of(result.frame),
            "joint_names": np.array(LSP_14),
            "stage_names": np.array(steps_of(job)),
            "status_names": np.array([status.name.lower() for status in Status]),
            "image_size": np.array(facts.image_size),
            "fps": np.array(facts.fps or 0.0),  # 0 for a photo
            "gender": np.array(fit.provenance["config"]["gender"]),
            "body_sha256": np.array(fit.provenance["files"]["body"]),
            "convention": np.array(CONVENTION),
        }
    )


def _world(motion: Motion) -> dict[str, np.ndarray]:
    """Where up is and where the floor is, how sure that is, and which world that is in words."""
    world = common_world(motion)
    if world is None:
        upright = np.diag([1.0, -1.0, -1.0, 1.0])
        return {"world_from_camera": upright, "world": np.array(UPRIGHT)}
    return {
        "world_from_camera": world.world_from_camera[0],
        "world_tilt_degrees": np.array(np.degrees(world.tilt[0])),
        "world_floor_m": np.array(world.floor[0]),
        "world": np.array(WORLD),
    }


def _camera_moves(motion: Motion) -> dict[str, np.ndarray]:
    names = np.array([move.name for move in Move])
    return {"camera_move": motion.camera_move, "camera_move_names": names}


def is_from(path: Path, identity: dict[str, np.ndarray]) -> bool:
    """Whether a file with exactly these arrays already exists, undamaged."""
    if not path.is_file():
        return False
    try:
        with opened(path) as archive:
            check(archive)
            arrays = {name: archive[name] for name in identity if name in archive}
    except Exception:  # damage can raise nearly anything, as in Cache.find
        return False
    return all(name in arrays and np.array_equal(arrays[name], identity[name]) for name in identity)
