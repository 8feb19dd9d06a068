"""How many 2-D joints are right: PCK of the torso and the head (docs/lsp.md)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from fitting.joints import LSP_14, N_LSP
from fitting.rows import Rows

_TORSO = LSP_14.index("right_shoulder"), LSP_14.index("left_hip")
_HEAD = LSP_14.index("neck"), LSP_14.index("head_top")
_THRESHOLDS = {
    "pck_at_01_torso": ("torso", 0.1),
    "pck_at_02_torso": ("torso", 0.2),
    "pck_at_05_head": ("head", 0.5),
}
CURVE_END = 0.5  # torso lengths; also where the area under the curve ends
_CURVE_POINTS = 51
ALL_JOINTS = "all joints"


@dataclass(frozen=True)
class Annotation(Rows):
    """Annotated people: xy of LSP's 14 joints, px, person-centric, and whether each is visible."""

    xy: Float[np.ndarray, "N 14 2"]
    visible: Bool[np.ndarray, "N 14"]

    @property
    def torso(self) -> Float[np.ndarray, " N"]:
        """Right shoulder to left hip, px."""
        return _length(self.xy, _TORSO)

    @property
    def head(self) -> Float[np.ndarray, " N"]:
        """Neck to head top, px."""
        return _length(self.xy, _HEAD)


@dataclass(frozen=True)
class Guess(Rows):
    """A guess of the same people's joints: xy, px; `given` is False where there is no guess."""

    xy: Float[np.ndarray, "N 14 2"]
    given: Bool[np.ndarray, "N 14"]

    @classmethod
    def nothing(cls, n: int) -> "Guess":
        """N people without any guess."""
        return cls(np.zeros((n, N_LSP, 2)), np.zeros((n, N_LSP), bool))


def pck_columns(truth: Annotation, guess: Guess) -> dict[str, Float[np.ndarray, " N"]]:
    """Every measure of one guess, for each person: shares of the 14 joints and the area under the
    curve, 0..1; mean distance of the given joints, torso lengths, NaN if none is given."""
    apart = distances(truth, guess)
    columns = {name: right(truth, apart, name).mean(1) for name in _THRESHOLDS}
    columns["auc_to_05_torso"] = area(truth, apart).mean(1)
    given = guess.given.sum(1)
    total = np.where(guess.given, apart, 0).sum(1)
    with np.errstate(invalid="ignore"):
        columns["error_torso"] = total / given / truth.torso
    return columns


def distances(truth: Annotation, guess: Guess) -> Float[np.ndarray, "N 14"]:
    """Distance of each joint from its annotation, px; infinite where it is not given."""
    apart = np.linalg.norm(guess.xy - truth.xy, axis=-1)
    return np.where(guess.given, apart, np.inf)


def right(truth: Annotation, apart: Float[np.ndarray, "N 14"], name: str) -> np.ndarray:
    """Whether each joint (N, 14) is near enough, the limit included."""
    length, share = _THRESHOLDS[name]
    return apart <= share * getattr(truth, length)[:, None]


def area(truth: Annotation, apart: Float[np.ndarray, "N 14"]) -> np.ndarray:
    """How much each joint (N, 14) adds to the area under the PCK curve from 0 to CURVE_END, 0..1.

    A joint is right from its own distance on, so the area is exact and not made of samples.
    """
    return (1 - apart / (CURVE_END * truth.torso[:, None])).clip(0)


def pck_tables(truth: Annotation, guesses: dict[str, Guess]) -> dict[str, dict]:
    """PCK of each guess, per joint and over all joints; of all annotated joints and of visible
    ones.

    Returns:
        Measure -> joint -> name of the guess, and that name with "_visible" -> share 0..1, NaN if
        there is no such joint; `pck_curve_torso`: threshold -> name of the guess -> share.
    """
    apart = {name: distances(truth, guess) for name, guess in guesses.items()}
    tables: dict[str, dict] = {}
    for measure in _THRESHOLDS:
        hits = {name: right(truth, far, measure) for name, far in apart.items()}
        tables[measure] = _per_joint(hits, truth.visible)
    areas = {name: area(truth, far) for name, far in apart.items()}
    tables["auc_to_05_torso"] = _per_joint(areas, truth.visible)
    curve = np.linspace(0, CURVE_END, _CURVE_POINTS)
    tables["pck_curve_torso"] = {
        f"{limit:.2f}": {
            name: _share(far <= limit * truth.torso[:, None]) for name, far in apart.items()
        }
        for limit in curve
    }
    return tables


def _per_joint(hits: dict[str, np.ndarray], visible: np.ndarray) -> dict[str, dict[str, float]]:
    columns = {LSP_14[j]: slice(j, j + 1) for j in range(N_LSP)} | {ALL_JOINTS: slice(None)}
    table: dict[str, dict[str, float]] = {}
    for joint, some in columns.items():
        row = {name: _share(hit[:, some]) for name, hit in hits.items()}
        for name, hit in hits.items():
            row[f"{name}_visible"] = _share(hit[:, some][visible[:, some]])
        table[joint] = row
    return table


def _share(hits: np.ndarray) -> float:
    return float(hits.mean()) if hits.size else float("nan")


def _length(xy: np.ndarray, ends: tuple[int, int]) -> np.ndarray:
    return np.linalg.norm(xy[:, ends[0]] - xy[:, ends[1]], axis=-1)
