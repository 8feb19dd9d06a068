"""The settings of a fit. No torch here: a run that finds everything in its cache imports this."""

from dataclasses import dataclass
from enum import Enum

from fitting.joints import LSP_14

PARAMETERS = ("global_orient", "body_pose", "betas", "transl")
SIGNS = ("lifted_sigma", "lifted_distance", "reprojection", "spread")
"""What tells how far off a fit is (fitting.reliability); the lifted ones need a lifter."""

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


class StartPose(Enum):
    """The pose that a body has before its camera stage, where it is not looked up.

    mean: the prior's mean pose.
    rest: the T-pose, as the release: its weights of the means, divided by (2 pi)^34.5 already, sum
        up to nothing.
    """

    mean = "mean"
    rest = "rest"


class Kernel(Enum):
    """How far outliers count in the data term.

    geman_mcclure: the paper's, on each coordinate, in px: an outlier's pull dies away.
    student: 0.5 c^2 log(1 + r^2 / c^2) on each joint, in its own sigmas: it only weakens.
    """

    geman_mcclure = "geman_mcclure"
    student = "student"


class Lookup(Enum):
    """What poses of the library are compared with: the keypoints, or the joints they lift to."""

    image = "image"
    lifted = "lifted"


class Precision(Enum):
    """Of the search from all starts; stages of `refine` are in double precision."""

    single = "single"
    double = "double"


class Joints(Enum):
    """Which keypoints the camera stage aligns: the trunk's four, as the paper, or all of them."""

    torso = "torso"
    all = "all"


@dataclass
class CameraStage:
    """The stage that finds translation and root rotation from the torso.

    Args:
        start: how the body is turned before it; retrieved starts are turned already.
        pose: that it has then.
        joints: that it aligns.
        weights: as in BodyStage.
        max_iterations: of the solver.
        tolerance: relative decrease of the cost that ends it.
    """

    start: Start
    pose: StartPose
    joints: Joints
    weights: dict[str, float]
    max_iterations: int
    tolerance: float


@dataclass
class BodyStage:
    """One body stage.

    Args:
        name: for logs.
        free: of global_orient, body_pose, betas, transl.
        weights: of the terms, by their names in fitting.objective.terms; they multiply residuals.
            A term that is not named is off; the data term is on with 1.
        max_iterations: of the solver.
        tolerance: relative decrease of the cost that ends the stage.
    """

    name: str
    free: list[str]
    weights: dict[str, float]
    max_iterations: int
    tolerance: float


@dataclass
class Choice:
    """What starts are compared by.

    Args:
        weights: as in BodyStage.
        temperature: of the consensus: a start that is worse by this much counts 1 / e as much as
            the best in the mean joints that stages after the choice are pulled to. 0: no consensus.
    """

    weights: dict[str, float]
    temperature: float


@dataclass
class FitConfig:
    """The numbers of a fit; conf/fit/*.yaml is their only home.

    Args:
        gender: the body that is fitted.
        n_betas: shape coefficients, 1..10.
        focal_length: `auto`, or px as a string (camera.focal_length_px).
        reference_torso: torso height in px that the weights are meant for: pixel differences are
            scaled as if every person had it. 0 leaves pixels as they are.
        kernel: robust function of the data term.
        robust_sigma: its width: px at the reference size, or sigmas of the joint (student).
        confidence_sigma: pairs of a confidence and the error to expect with it, in torso lengths;
            joints then weigh 1 / error. Empty: they weigh their confidence.
        relative_depth: depth weights refer to a change of the distance by its own size, not 1 m.
        starts: poses looked up in the pose library to start from; 0: camera.pose alone.
        lookup: what they are looked up by.
        joint_weights: weight of LSP joints in the data term of the body stages; 1 when not named.
        extra_weight: of the points of face and feet, where the detector has them; 0: not used.
        interpenetration: E_sp is on, with the weights of the stages.
        side_view_threshold: distance between the shoulders below which the body is also fitted
            turned by 180 degrees, px at the reference size.
        precision: of the search.
        stages: from all starts.
        choice: between the starts of a person.
        refine: stages of the chosen start alone.
        expected_error: coefficients of SIGNS and `constant` that tell how far off a fit is
            (fitting.reliability). Empty: it is not told.
    """

    gender: Gender
    n_betas: int
    focal_length: str
    reference_torso: float
    kernel: Kernel
    robust_sigma: float
    confidence_sigma: list[list[float]]
    relative_depth: bool
    starts: int
    lookup: Lookup
    joint_weights: dict[str, float]
    extra_weight: float
    interpenetration: bool
    side_view_threshold: float
    precision: Precision
    camera: CameraStage
    stages: list[BodyStage]
    choice: Choice
    refine: list[BodyStage]
    expected_error: dict[str, float]

    def __post_init__(self) -> None:
        if not 1 <= self.n_betas <= 10:
            raise ValueError(f"fit.n_betas: expected 1..10, got {self.n_betas}")
        table = self.confidence_sigma
        if any(len(pair) != 2 or pair[1] <= 0 for pair in table) or table != sorted(table):
            raise ValueError(
                f"fit.confidence_sigma: expected ascending [confidence, error > 0], got {table}"
            )
        if self.kernel is Kernel.student and not table:
            raise ValueError("fit.confidence_sigma: kernel student counts in sigmas, got no table")
        pulled = any(stage.weights.get("joints_3d") for stage in self.refine)
        if pulled and not (self.choice.temperature or self.lifts):
            raise ValueError("fit.refine: joints_3d has nothing to pull to without a consensus")
        if not self.stages:
            raise ValueError("fit.stages: expected one stage at least, got none")
        unknown = sorted(set(self.joint_weights) - set(LSP_14))
        if unknown:
            raise ValueError(f"fit.joint_weights: {unknown} are not among {list(LSP_14)}")
        self._check_expected_error()
        _check(self, "fit", above=("robust_sigma",))
        _check(self.camera, "fit.camera", above=("max_iterations", "tolerance"))
        _check(self.choice, "fit.choice", above=())
        for where, weights in self.weights_by_key().items():
            for name, weight in weights.items():
                _check_number(f"{where}.{name}", weight)
        for stage in (*self.stages, *self.refine):
            where = f"fit.stages {stage.name}"
            _check(stage, where, above=("max_iterations", "tolerance"))
            if not stage.free or set(stage.free) - set(PARAMETERS):
                raise ValueError(f"{where}: free is {stage.free}, expected some of {PARAMETERS}")

    def _check_expected_error(self) -> None:
        """Its signs are known, and those of the lifter there."""
        usable = [name for name in SIGNS if self.lifts or not name.startswith("lifted")]
        if self.expected_error and "constant" not in self.expected_error:
            raise ValueError("fit.expected_error: expected a constant among them, got none")
        unknown = sorted(set(self.expected_error) - {"constant", *usable})
        if unknown:
            raise ValueError(f"fit.expected_error: {unknown} are not among {usable}")

    def weights_by_key(self) -> dict[str, dict[str, float]]:
        """The weights of every stage and of the choice, under the key that a user gives them by."""
        groups = {"camera": self.camera, "choice": self.choice}
        for name in ("stages", "refine"):
            groups |= {f"{name}[{k}]": stage for k, stage in enumerate(getattr(self, name))}
        return {f"fit.{key}.weights": group.weights for key, group in groups.items()}

    @property
    def lifts(self) -> bool:
        """Whether the fit needs a lifter."""
        pulled = any(stage.weights.get("joints_3d") for stage in (*self.stages, self.choice))
        return pulled or (self.starts > 0 and self.lookup is Lookup.lifted)


def _check(group: object, where: str, above: tuple[str, ...]) -> None:
    """Every number is 0 or more and finite; those named are above 0."""
    for name, value in vars(group).items():
        if isinstance(value, int | float):
            _check_number(f"{where}.{name}", value, name in above)


def _check_number(key: str, value: float, above: bool = False) -> None:
    if not (0 <= value < float("inf")) or (above and value == 0):
        least = "above 0" if above else "0 or more"
        raise ValueError(f"{key}: expected a number {least}, got {value}")
