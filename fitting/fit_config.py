"""The settings of a fit. No torch here: a run that finds everything in its cache imports this."""

from dataclasses import dataclass
from enum import Enum

from fitting.joints import LSP_14

PARAMETERS = ("global_orient", "body_pose", "betas", "transl")

# Members are lower case because OmegaConf matches what a user writes with the member's name.


class Gender(Enum):
    """Which of the three bodies is fitted."""

    neutral = "neutral"
    female = "female"
    male = "male"


class Start(Enum):
    """How a body is turned before its camera stage.

    upright: standing and facing the camera, whatever the image shows, as the release.
    image: rolled and turned the way the keypoints of the trunk lie.
    """

    upright = "upright"
    image = "image"


@dataclass
class CameraStage:
    """The stage that finds translation and root rotation from the torso.

    Args:
        start: how the body is turned before it.
        depth: weight of the pull to the depth of similar triangles, per metre.
        max_iterations: of the solver.
    """

    start: Start
    depth: float
    max_iterations: int


@dataclass
class BodyStage:
    """One body stage. Weights multiply residuals.

    Args:
        name: for logs.
        free: of global_orient, body_pose, betas, transl.
        pose_prior, bending, shape, depth: weights of E_theta, E_a, E_beta and of the depth term.
        max_iterations: of the solver.
    """

    name: str
    free: list[str]
    pose_prior: float
    bending: float
    shape: float
    depth: float
    max_iterations: int


@dataclass
class FitConfig:
    """The numbers of a fit; conf/fit/*.yaml is their only home.

    Args:
        gender: the body that is fitted.
        n_betas: shape coefficients, 1..10.
        focal_length: `auto`, or px as a string (camera.focal_length_px).
        reference_torso: torso height in px that the weights are meant for: pixel differences are
            scaled as if every person had it. 0 leaves pixels as they are.
        robust_sigma: sigma of the data term's robust function, px at the reference size.
        joint_weights: weight of LSP joints in the data term of the body stages; 1 when not named.
        side_view_threshold: distance between the shoulders below which the body is also fitted
            turned by 180 degrees, px at the reference size.
        tolerance: relative decrease of the cost that ends a stage.
    """

    gender: Gender
    n_betas: int
    focal_length: str
    reference_torso: float
    robust_sigma: float
    joint_weights: dict[str, float]
    side_view_threshold: float
    tolerance: float
    camera: CameraStage
    stages: list[BodyStage]

    def __post_init__(self) -> None:
        if not 1 <= self.n_betas <= 10:
            raise ValueError(f"fit.n_betas: expected 1..10, got {self.n_betas}")
        if not self.stages:
            raise ValueError("fit.stages: expected one stage at least, got none")
        unknown = sorted(set(self.joint_weights) - set(LSP_14))
        if unknown:
            raise ValueError(f"fit.joint_weights: {unknown} are not among {list(LSP_14)}")
        _check(self, "fit", above=("robust_sigma", "tolerance"))
        _check(self.camera, "fit.camera", above=("max_iterations",))
        for stage in self.stages:
            where = f"fit.stages {stage.name}"
            _check(stage, where, above=("max_iterations",))
            if not stage.free or set(stage.free) - set(PARAMETERS):
                raise ValueError(f"{where}: free is {stage.free}, expected some of {PARAMETERS}")


def _check(group: object, where: str, above: tuple[str, ...]) -> None:
    """Every number is 0 or more and finite; those named are above 0."""
    for name, value in vars(group).items():
        if not isinstance(value, int | float):
            continue
        least = "above 0" if name in above else "0 or more"
        if not (0 <= value < float("inf")) or (name in above and value == 0):
            raise ValueError(f"{where}.{name}: expected a number {least}, got {value}")
