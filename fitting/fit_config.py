"""The settings of a fit. No torch here: a run that finds everything in its cache imports this."""

from dataclasses import dataclass
from enum import Enum

from fitting.joints import LSP_14, PARTS, part_of

PARAMETERS = ("global_orient", "body_pose", "betas", "transl")
LIFTED_SIGMA = "lifted_sigma"
SIGNS = (LIFTED_SIGMA, "lifted_distance", "reprojection", "spread")
"""What tells how far off a fit is (fitting.reliability). The first two need a lifter."""

FARTHEST = 0.3  # m, that a landmark lies from its point of the body

# Members are lower case because OmegaConf matches what a user writes with the member's name.


class Gender(Enum):
    """Which of the three bodies is fitted."""

    neutral = "neutral"
    female = "female"
    male = "male"


class Start(Enum):
    """How a body is turned before its camera stage.

    upright: standing and facing the camera, whatever the image shows, as in the release.
    image: rolled and turned the way the trunk's keypoints lie.
    """

    upright = "upright"
    image = "image"


class StartPose(Enum):
    """The pose that a body has before its camera stage, unless it is looked up.

    mean: the prior's mean pose.
    rest: the T-pose, as in the release: its weights of the means were already divided by (2
        pi)^34.5, so the means sum up to nothing.
    """

    mean = "mean"
    rest = "rest"


class Kernel(Enum):
    """How much outliers count in the data term.

    geman_mcclure: the paper's, on each coordinate, in px; the pull of an outlier dies away.
    student: 0.5 c^2 log(1 + r^2 / c^2) on each joint, in its own sigmas; the pull only weakens.
    """

    geman_mcclure = "geman_mcclure"
    student = "student"


class Lookup(Enum):
    """What poses of the library are compared with: keypoints, or the joints lifted from them."""

    image = "image"
    lifted = "lifted"


class Precision(Enum):
    """Precision of the search from all starts; stages of `refine` use double precision."""

    single = "single"
    double = "double"


class Joints(Enum):
    """Which keypoints the camera stage aligns: the trunk's four, as in the paper, or all."""

    torso = "torso"
    all = "all"


@dataclass
class CameraStage:
    """The stage that finds translation and root rotation from the torso.

    Args:
        start: how the body is turned before this stage; retrieved starts are turned already.
        pose: the body's pose before this stage.
        joints: the keypoints that it aligns.
        weights: as in BodyStage.
        max_iterations: of the solver.
        tolerance: the stage ends when the cost falls by less than this share of it.
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
        free: which of global_orient, body_pose, betas, transl may change.
        weights: of the terms, by their names in fitting.objective.terms; they multiply residuals.
            A term that is not named is off, except the data term, whose weight is then 1.
        max_iterations: of the solver.
        tolerance: the stage ends when the cost falls by less than this share of it.
    """

    name: str
    free: list[str]
    weights: dict[str, float]
    max_iterations: int
    tolerance: float


@dataclass
class Choice:
    """How starts are compared.

    Args:
        weights: as in BodyStage.
        temperature: of the consensus. Stages after the choice are pulled to the mean joints of all
            starts, in which a start that is worse by this much counts 1 / e as much as the best.
            0: no consensus.
    """

    weights: dict[str, float]
    temperature: float


@dataclass
class FitConfig:
    """The numbers of a fit; they are written in conf/fit/*.yaml only.

    Args:
        gender: the body that is fitted.
        n_betas: shape coefficients, 1..10.
        focal_length: `auto`, or px as a string (camera.focal_length_px).
        reference_torso: torso height in px that the weights are meant for; pixel differences are
            scaled as if every person had this height. 0 leaves pixels as they are.
        kernel: robust function of the data term.
        robust_sigma: its width: px at the reference size, or sigmas of the joint (student).
        confidence_sigma: pairs of a confidence and the error to expect with it, in torso lengths;
            joints then weigh 1 / error. If it is empty, they weigh their confidence.
        landmark_offsets: how far the detector's landmarks lie from the body's points: by the name
            of the point without its side, [out, up, front] in the frame of its limb, m
            (fitting.starts.landmarks). They are taken off before the fit, if there is a lifter.
        hanging_legs: where no knee and no ankle is seen, how surely both legs hang straight down,
            standard deviation, m (fitting.starts.unseen_legs); 0: nothing is taken for granted. It
            needs a lifter.
        doubtful: knees and ankles of a lower confidence may be invented, and are not seen.
        relative_depth: depth weights refer to a change of the distance by its own size, not by 1 m.
        starts: how many poses to look up in the pose library as starts; 0: start at camera.pose.
        lookup: what they are looked up by.
        joint_weights: weight of LSP joints in the data term of the body stages; 1 when not named.
        extra_weight: of the points of face and feet, if the detector has them; 0: not used.
        interpenetration: whether E_sp is on, with the weights of the stages.
        side_view_threshold: distance between the shoulders below which the body is also fitted
            turned by 180 degrees, px at the reference size.
        precision: of the search.
        stages: the body stages, run from all starts.
        choice: how the best start of a person is chosen.
        refine: stages that are run from the chosen start alone.
        expected_error: coefficients of SIGNS and `constant` that tell how far off a fit is
            (fitting.reliability). If it is empty, the fit does not tell.
        expected_joint_error: the exponent `lifted_sigma`, and a constant for every kind of LSP
            joint (`ankle`, ...), that tell how far off each joint is; empty: the fit does not
            tell. It needs a lifter.
    """

    gender: Gender
    n_betas: int
    focal_length: str
    reference_torso: float
    kernel: Kernel
    robust_sigma: float
    confidence_sigma: list[list[float]]
    landmark_offsets: dict[str, list[float]]
    hanging_legs: float
    doubtful: float
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
    expected_joint_error: dict[str, float]

    def __post_init__(self) -> None:
        if not 1 <= self.n_betas <= 10:
            raise ValueError(f"fit.n_betas: expected 1..10, got {self.n_betas}")
        table = self.confidence_sigma
        if any(len(pair) != 2 or pair[1] <= 0 for pair in table) or table != sorted(table):
            raise ValueError(
                f"fit.confidence_sigma: expected ascending [confidence, error > 0], got {table}"
            )
        if self.kernel is Kernel.student and not table:
            raise ValueError(
                "fit.confidence_sigma: expected a table, because fit.kernel=student counts in "
                "sigmas, got none: give calibration=NAME, one of conf/calibration"
            )
        pulled = any(stage.weights.get("joints_3d") for stage in self.refine)
        if pulled and not (self.choice.temperature or self.lifts):
            raise ValueError(
                "fit.refine: joints_3d has no joints to pull to, "
                "set fit.choice.temperature above 0 or fit.lookup=lifted"
            )
        if not self.stages:
            raise ValueError("fit.stages: expected at least one stage, got none")
        unknown = sorted(set(self.joint_weights) - set(LSP_14))
        if unknown:
            known = list(LSP_14)
            raise ValueError(f"fit.joint_weights: expected some of {known}, got {unknown}")
        self._check_offsets()
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
                raise ValueError(f"{where}: free: expected some of {PARAMETERS}, got {stage.free}")

    def _check_offsets(self) -> None:
        """Check that every offset has a known point and a possible size."""
        unknown = sorted(set(self.landmark_offsets) - set(PARTS))
        if unknown:
            raise ValueError(f"fit.landmark_offsets: expected some of {PARTS}, got {unknown}")
        for part, offset in self.landmark_offsets.items():
            if len(offset) != 3 or not all(abs(metres) <= FARTHEST for metres in offset):
                raise ValueError(
                    f"fit.landmark_offsets.{part}: expected [out, up, front], each within "
                    f"{FARTHEST} m, got {offset}"
                )

    def _check_expected_error(self) -> None:
        """Check that the signs are known, and that lifted ones have a lifter."""
        usable = [name for name in SIGNS if self.lifts or not name.startswith("lifted")]
        if self.expected_error and "constant" not in self.expected_error:
            raise ValueError("fit.expected_error: expected a key constant, got none")
        unknown = sorted(set(self.expected_error) - {"constant", *usable})
        if unknown:
            raise ValueError(f"fit.expected_error: expected some of {usable}, got {unknown}")
        keys, given = {LIFTED_SIGMA, *map(part_of, LSP_14)}, set(self.expected_joint_error)
        if given and not (self.lifts and given == keys):
            raise ValueError(
                f"fit.expected_joint_error: expected {sorted(keys)} and a preset with a lifter, or "
                f"{{}}, got {sorted(given)}"
            )

    def weights_by_key(self) -> dict[str, dict[str, float]]:
        """The weights of every stage and of the choice, by the keys that a user writes."""
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
    """Check that every number is 0 or more and finite, and that those named are above 0."""
    for name, value in vars(group).items():
        if isinstance(value, int | float):
            _check_number(f"{where}.{name}", value, name in above)


def _check_number(key: str, value: float, above: bool = False) -> None:
    if not (0 <= value < float("inf")) or (above and value == 0):
        least = "above 0" if above else "0 or more"
        raise ValueError(f"{key}: expected a number {least}, got {value}")
