"""Twenty capsules that stand for the body's parts, and the spheres inside them.

SMPLify tests these for interpenetration (Bogo et al., 2016, section 3.2): capsules because they are
simple enough to follow the shape linearly, spheres because their distances are differentiable.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from fitting.files.model_files import read_arrays

MIN_RADIUS = 0.005
"""Lower limit of the linear functions, m: no body is so thin, but betas can ask for one."""

_FIELDS = ("names", "joint", "axis", "center", "radius", "length")
_THINNED = ("upper_arm", "thigh")


@dataclass(frozen=True, eq=False)
class Capsules:
    """Capsules that each follow one joint; all sizes are linear in the L entries of [1, betas].

    Two are equal only if they are the same object.

    Args:
        names: `left_forearm`, `belly`, ...
        joint: SMPL's joint whose rotation carries the capsule.
        axis: unit vector in the joint's frame, the same for all shapes.
        center: middle, relative to the joint and in its frame, m.
        radius: m, not yet clamped above MIN_RADIUS.
        length: between the centres of the round ends, m, not yet clamped above 0.

    Raises:
        ValueError: a shape or value is wrong; the message says what was expected and given.
    """

    names: tuple[str, ...]
    joint: Int64[np.ndarray, " C"]
    axis: Float64[np.ndarray, "C 3"]
    center: Float64[np.ndarray, "C 3 L"]
    radius: Float64[np.ndarray, "C L"]
    length: Float64[np.ndarray, "C L"]

    def __post_init__(self) -> None:
        count, columns = len(self.names), self.radius.shape[-1]
        shapes = {
            "joint": (count,),
            "axis": (count, 3),
            "center": (count, 3, columns),
            "radius": (count, columns),
            "length": (count, columns),
        }
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array.shape != shape:
                raise ValueError(f"Capsules.{name}: expected shape {shape}, got {array.shape}")
            if not np.isfinite(array).all():
                raise ValueError(f"Capsules.{name}: expected finite numbers, got NaN or infinity")
        if not np.allclose(np.linalg.norm(self.axis, axis=1), 1, atol=1e-4):
            raise ValueError("Capsules.axis: expected unit vectors, got other lengths")
        for name in ("radius", "length"):
            if (getattr(self, name)[:, 0] <= 0).any():
                raise ValueError(f"Capsules.{name}: expected more than 0 at betas 0, got 0 or less")

    @property
    def n_betas(self) -> int:
        return self.radius.shape[1] - 1

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays under the names that body files use, in single precision."""
        arrays = {f"capsule_{name}": np.asarray(getattr(self, name)) for name in _FIELDS}
        return {n: a.astype(np.float32) if a.dtype == float else a for n, a in arrays.items()}


@dataclass(frozen=True)
class Spheres:
    """Spheres with the radii of their capsules, spread along the axes.

    Args:
        capsule: the one that each sphere is in; ascending.
        along: position from the capsule's middle, in lengths: -1/2 and 1/2 are its end centres.
    """

    capsule: Int64[np.ndarray, " S"]
    along: Float64[np.ndarray, " S"]


def load_capsules(path: str | Path) -> Capsules:
    """Read capsules from a body file of this project, or from a file of `save_capsules`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a model file, has no capsules, or they are unusable.
    """
    arrays = read_arrays(path, "body with capsules", tuple(f"capsule_{name}" for name in _FIELDS))
    return Capsules(
        tuple(arrays["capsule_names"].tolist()),
        arrays["capsule_joint"].astype(np.int64),
        *(arrays[f"capsule_{name}"].astype(np.float64) for name in _FIELDS[2:]),
    )


def has_capsules(path: str | Path) -> bool:
    """Whether a body file has capsules; this project's do, official ones do not."""
    return bool(read_arrays(path, "body", (), optional=("capsule_names",)))


def save_capsules(capsules: Capsules, path: str | Path) -> None:
    """Write an npz that `load_capsules` reads: all of it, or nothing if interrupted."""
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            np.savez_compressed(file, **capsules.arrays())  # pyright: ignore[reportArgumentType]
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def spread_spheres(capsules: Capsules) -> Spheres:
    """The fewest spheres that touch their neighbours, from end to end of each capsule of the mean
    body.

    Thighs and upper arms lack the spheres around the joint that turns them: these lie in the pelvis
    and the collar however the limb is held.
    """
    capsule, along = [], []
    for c, name in enumerate(capsules.names):
        length, radius = capsules.length[c, 0], capsules.radius[c, 0]
        places = np.linspace(-0.5, 0.5, int(np.ceil(length / (2 * radius))) + 1)
        if name.endswith(_THINNED):
            offset = capsules.center[c, :, 0] + np.outer(places * length, capsules.axis[c])
            places = places[np.linalg.norm(offset, axis=1) > radius]
        capsule += [c] * len(places)
        along.append(places)
    return Spheres(np.array(capsule), np.concatenate(along))


def incompatible(capsules: Capsules) -> list[Int64[np.ndarray, "_G 2"]]:
    """Pairs of capsules that may not overlap; all other pairs are neighbours or never meet.

    Returns:
        One array for each limb, or for two that meet: all pairs of the same first capsule with
        parts on one chain of joints. So what a joint moves, all joints farther out move too.

    Raises:
        ValueError: a capsule is missing; the message says which.
    """
    trunk, limbs = ["pelvis", "belly", "ribs", "chest"], []
    for side, other in (("left", "right"), ("right", "left")):
        limbs.append((f"{side}_forearm", [*trunk, f"{side}_collar"]))
        limbs.append((f"{side}_hand", trunk))
        limbs.append((f"{side}_foot", [f"{other}_shin"]))
    limbs += [(f"left_{part}", [f"right_{part}"]) for part in ("hand", "shin", "foot")]
    lacking = {n for limb, parts in limbs for n in (limb, *parts)} - set(capsules.names)
    if lacking:
        raise ValueError(f"capsules: expected all of SMPLify's, but {sorted(lacking)} are missing")
    at = capsules.names.index
    return [np.array([(at(limb), at(part)) for part in parts]) for limb, parts in limbs]
