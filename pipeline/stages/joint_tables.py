"""How the points of the fit are made of each detector's joints: one table, by name.

docs/joints.md and docs/images/joints.png show it; `python -m tools.document_joints` writes both
from here.
"""

from dataclasses import dataclass, fields, replace
from enum import Enum
from functools import cache

from detectors.skeletons import SKELETONS
from fitting.joints import POINTS


@dataclass(frozen=True)
class Recipe:
    """A point made of a detector's joints: start + sum of f (to - origin).

    Args:
        start, steps: a name without a side (`shoulder`) means the middle of left and right.
        source: for an approximation, where its factors come from or why that joint stands in.
            If it is empty, `start` is the point itself.
    """

    start: str
    steps: tuple[tuple[float, str, str], ...] = ()
    source: str = ""

    @property
    def exact(self) -> bool:
        return not self.source

    def parts(self) -> set[str]:
        """Every name that it is made of."""
        return {self.start, *(name for step in self.steps for name in step[1:])}


class Cell(Enum):
    """`exact`: the detector has the point under its name. `missing`: nothing stands in for it."""

    exact = "exact"
    missing = "missing"


ITSELF = ""  # as the start of a recipe: the detector's joint of that name
GROUPS: dict[str, tuple[str, ...]] = {
    "limbs": tuple(p for p in POINTS[:12] if "hip" not in p),
    "hips": ("right_hip", "left_hip"),
    "neck": ("neck",),
    "head_top": ("head_top",),
    "face": ("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
    "feet": ("left_big_toe", "left_heel", "right_big_toe", "right_heel"),
    "small_toes": ("left_small_toe", "right_small_toe"),
}
"""Points that a data set has in the same way for all of them, or not at all."""


@dataclass(frozen=True)
class Row:
    """One skeleton: how it gives the points of each of GROUPS."""

    limbs: Cell | Recipe
    hips: Cell | Recipe
    neck: Cell | Recipe
    head_top: Cell | Recipe
    face: Cell | Recipe
    feet: Cell | Recipe
    small_toes: Cell | Recipe

    def recipes(self) -> dict[str, Recipe]:
        """The recipe of each point that is not missing."""
        found = {}
        for group in fields(self):
            cell = getattr(self, group.name)
            if cell is Cell.missing:
                continue
            for point in GROUPS[group.name]:
                recipe = Recipe(ITSELF) if cell is Cell.exact else cell
                found[point] = replace(recipe, start=recipe.start or point)
        return found


# LSP's neck is half way from the shoulders to the ears, its head top the crown. Conversions are
# least absolute distances in torso units on the 1000 training images of LSP.
_BLAZEPOSE_SOURCE = "tools/fit_joint_conversions.py, BlazePose on LSP train"
_COCO_SOURCE = "least squares, MoveNet Thunder (COCO-17) on LSP train"
COCO_NECK = Recipe(
    "shoulder", ((0.500, "ear", "shoulder"), (0.046, "hip", "shoulder")), _COCO_SOURCE
)
COCO_HEAD = Recipe(
    "shoulder",
    ((1.312, "ear", "shoulder"), (0.715, "eye", "nose"), (-0.060, "hip", "shoulder")),
    _COCO_SOURCE,
)
BLAZE_NECK = Recipe(
    "shoulder", ((0.569, "ear", "shoulder"), (-0.511, "eye", "mouth")), _BLAZEPOSE_SOURCE
)
BLAZE_HEAD = Recipe(
    "shoulder", ((0.887, "ear", "shoulder"), (1.853, "eye", "mouth")), _BLAZEPOSE_SOURCE
)
# Joints that stand in for LSP's; nobody has measured how far off they lie.
OTHER_NECK = Recipe(
    ITSELF,
    source="another data set's neck; mmpose's body8 models learn it as one joint with MPII's",
)
HALPE_NECK = Recipe(ITSELF, source="marked like MPII's upper neck (AlphaPose, issue 540)")
UPPER_NECK = Recipe(
    "upper_neck", source="the neck's upper end; mmpose's body8 models take it for the neck"
)
HEAD_BOTTOM = Recipe("head_bottom", source="PoseTrack's name for the upper end of the neck")
H36M_HIPS = Recipe(ITSELF, source="joint centres of motion capture; LSP's are what people clicked")
H36M_NECK = Recipe("thorax", source="SPIN's H36M_TO_J14; it lies lower, between the shoulders")
H36M_HEAD = Recipe("head", source="SPIN's H36M_TO_J14; end of the skull in motion capture")

_YES, _NO = Cell.exact, Cell.missing
# fmt: off
TABLE: dict[str, Row] = {
    #                   limbs hips       neck        head_top   face  feet  small_toes
    "lsp14":        Row(_YES, _YES,      _YES,       _YES,      _NO,  _NO,  _NO),
    "coco17":       Row(_YES, _YES,      COCO_NECK,  COCO_HEAD, _YES, _NO,  _NO),
    "halpe26":      Row(_YES, _YES,      HALPE_NECK, _YES,      _YES, _YES, _YES),
    "wholebody133": Row(_YES, _YES,      COCO_NECK,  COCO_HEAD, _YES, _YES, _YES),
    "mpii16":       Row(_YES, _YES,      UPPER_NECK, _YES,      _NO,  _NO,  _NO),
    "aic14":        Row(_YES, _YES,      OTHER_NECK, _YES,      _NO,  _NO,  _NO),
    "crowdpose14":  Row(_YES, _YES,      OTHER_NECK, _YES,      _NO,  _NO,  _NO),
    "h36m17":       Row(_YES, H36M_HIPS, H36M_NECK,  H36M_HEAD, _NO,  _NO,  _NO),
    "openpose18":   Row(_YES, _YES,      COCO_NECK,  COCO_HEAD, _YES, _NO,  _NO),
    "openpose25":   Row(_YES, _YES,      COCO_NECK,  COCO_HEAD, _YES, _YES, _YES),
    "blazepose33":  Row(_YES, _YES,      BLAZE_NECK, BLAZE_HEAD, _YES, _YES, _NO),
}
# fmt: on

OTHERWISE: dict[str, tuple[Recipe, ...]] = {
    "neck": (UPPER_NECK, HEAD_BOTTOM, COCO_NECK),
    "head_top": (COCO_HEAD,),
}
"""For skeletons that are not in TABLE: ways to a point without a joint of its name, best first."""


@cache
def recipes_of(joint_names: tuple[str, ...]) -> dict[str, Recipe]:
    """The recipe of each point that these joints give, in any order; the others are missing.

    A skeleton of TABLE is recognised by its set of names. For any other, a point is the joint of
    its name, or the first way in OTHERWISE whose joints all exist.
    """
    for skeleton, row in TABLE.items():
        if set(SKELETONS[skeleton]) == set(joint_names):
            return row.recipes()
    found = {}
    for point in POINTS:
        for recipe in (Recipe(point), *OTHERWISE.get(point, ())):
            if all(columns_of(part, joint_names) for part in recipe.parts()):
                found[point] = recipe
                break
    return found


def columns_of(name: str, joint_names: tuple[str, ...]) -> list[int]:
    """The column of a joint, or of its left and right one; empty if neither exists."""
    sides = [name] if name in joint_names else [f"left_{name}", f"right_{name}"]
    found = [joint_names.index(side) for side in sides if side in joint_names]
    return found if len(found) == len(sides) else []
