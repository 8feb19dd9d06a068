"""Joint names of the data sets that 2-D detectors are trained on.

A joint has one spelling, whichever data set it comes from: snake_case, with `left_` / `right_` of
the person and not of the picture. Only names say what a joint is; no other file relies on their
order. Points that lie elsewhere have other names: OpenPose's "neck" is `mid_shoulder`, and MPII's
is `upper_neck`.
"""

from collections.abc import Iterable

LSP_14: tuple[str, ...] = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle",
    "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
    "neck", "head_top",
)  # fmt: skip
"""Leeds Sports Pose; also the order of SMPLify's `est_joints`."""

COCO_17: tuple[str, ...] = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip

HALPE_26: tuple[str, ...] = (
    *COCO_17,
    "head_top", "neck", "mid_hip",
    "left_big_toe", "right_big_toe", "left_small_toe", "right_small_toe",
    "left_heel", "right_heel",
)  # fmt: skip

FEET_6: tuple[str, ...] = (
    "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
)  # fmt: skip

_FINGERS = ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")

WHOLEBODY_133: tuple[str, ...] = (
    *COCO_17,
    *FEET_6,
    *(f"face-{i}" for i in range(68)),  # mmpose's spelling: nothing here uses them
    *(
        f"{side}_{part}"
        for side in ("left", "right")
        for part in ("hand_root", *(f"{finger}{i}" for finger in _FINGERS for i in range(1, 5)))
    ),
)
"""COCO-WholeBody: body, feet, face, hands."""

MPII_16: tuple[str, ...] = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle",
    "mid_hip", "thorax", "upper_neck", "head_top",
    "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
)  # fmt: skip

AIC_14: tuple[str, ...] = (
    "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "head_top", "neck",
)  # fmt: skip
"""AI Challenger."""

CROWDPOSE_14: tuple[str, ...] = (
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    "head_top", "neck",
)  # fmt: skip

H36M_17: tuple[str, ...] = (
    "mid_hip", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "spine", "thorax", "neck_base", "head",
    "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist",
)  # fmt: skip
"""Human3.6M, from motion capture: `thorax` is between the shoulders, `head` the end of the skull;
mmpose's `neck_base` (others say nose or jaw) lies between them."""

OPENPOSE_18: tuple[str, ...] = (
    "nose", "mid_shoulder",
    "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "right_eye", "left_eye", "right_ear", "left_ear",
)  # fmt: skip
"""OpenPose's COCO model. Its "neck" is the middle of the shoulders (OpenPose issue 1537)."""

OPENPOSE_25: tuple[str, ...] = (
    *OPENPOSE_18[:8],
    "mid_hip",
    *OPENPOSE_18[8:],
    *FEET_6,
)
"""OpenPose's body_25."""

BLAZEPOSE_33: tuple[str, ...] = (
    "nose",
    "left_eye_inner", "left_eye", "left_eye_outer",
    "right_eye_inner", "right_eye", "right_eye_outer",
    "left_ear", "right_ear", "left_mouth", "right_mouth",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_pinky", "right_pinky", "left_index", "right_index", "left_thumb", "right_thumb",
    "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    "left_heel", "right_heel", "left_big_toe", "right_big_toe",
)  # fmt: skip
"""BlazePose's `foot_index` is the tip of the big toe."""

SKELETONS: dict[str, tuple[str, ...]] = {
    "lsp14": LSP_14,
    "coco17": COCO_17,
    "halpe26": HALPE_26,
    "wholebody133": WHOLEBODY_133,
    "mpii16": MPII_16,
    "aic14": AIC_14,
    "crowdpose14": CROWDPOSE_14,
    "h36m17": H36M_17,
    "openpose18": OPENPOSE_18,
    "openpose25": OPENPOSE_25,
    "blazepose33": BLAZEPOSE_33,
}
"""All of them, by the names that settings and docs/joints.md use."""

FROM_MMPOSE: dict[str, dict[str, str]] = {
    "halpe26": {"head": "head_top", "hip": "mid_hip"},
    "crowdpose": {"top_head": "head_top"},
    "mpii": {"pelvis": "mid_hip"},
    "h36m": {"root": "mid_hip", "right_foot": "right_ankle", "left_foot": "left_ankle"},
    "coco_openpose": {"neck": "mid_shoulder"},
}
"""mmpose's spelling -> ours, by its name of the data set, because `head` means something else in
each of them."""


def names_from_mmpose(data_set: str, names: Iterable[str]) -> tuple[str, ...]:
    """Our names of a data set's joints, in its order; names with the same spelling stay."""
    ours = FROM_MMPOSE.get(data_set, {})
    return tuple(ours.get(name, name) for name in names)


_FACE_68 = {
    16: range(17), 43: range(17, 27), 66: range(31, 36), 81: (*range(36, 40), *range(42, 46)),
    87: (40, 41, 46, 47), 102: range(48, 55), 114: range(55, 60), 124: range(60, 65),
    132: range(65, 68),
}  # fmt: skip
"""Which numbers of the face's 68 points a mirror exchanges: those that add up to the key."""


def mirrored(names: tuple[str, ...]) -> list[int]:
    """For each joint, the place of the joint that a mirror image shows there.

    Left and right change places, and so do the numbered points of a face; others stay.
    """
    other = {"left": "right", "right": "left"}
    face = {f"face-{i}": f"face-{total - i}" for total, own in _FACE_68.items() for i in own}
    partners = []
    for name in names:
        side, _, rest = name.partition("_")
        partners.append(f"{other[side]}_{rest}" if side in other else face.get(name, name))
    return [names.index(partner) for partner in partners]
