"""Poses a body by hand-written joint angles and dresses it: exact parameters, padded surface."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_matrix, diags
from scipy.spatial.transform import Rotation

from fitting.body.body_model import BodyModel, BodyParams
from fitting.body.skeleton import SMPL_24
from pipeline.drawing.mesh_renderer import vertex_normals
from tools.demo.wardrobe import Outfit, padding

JOINTS = SMPL_24.names

_ARMS_DOWN = {
    "left_collar": [("z", -6)],
    "right_collar": [("z", 6)],
    "left_shoulder": [("z", -66), ("x", -12)],
    "right_shoulder": [("z", 66), ("x", -12)],
    "left_elbow": [("y", -18)],
    "right_elbow": [("y", 18)],
}

POSES: dict[str, dict[str, list[tuple[str, float]]]] = {
    "wave": {
        **_ARMS_DOWN,
        "right_collar": [("z", -8)],
        "right_shoulder": [("y", 12), ("z", -8), ("x", -95)],
        "right_elbow": [("y", 78)],
        "right_wrist": [("z", 8)],
        "left_hip": [("z", 5), ("y", 8)],
        "right_hip": [("z", -4), ("y", -8)],
        "spine2": [("z", -3)],
        "neck": [("z", 3)],
        "head": [("z", 4)],
    },
    "warrior": {
        "left_collar": [("z", 2)],
        "right_collar": [("z", -2)],
        "left_shoulder": [("y", -6), ("z", -6)],
        "right_shoulder": [("y", 6), ("z", 6)],
        "left_elbow": [("y", -4)],
        "right_elbow": [("y", 4)],
        "left_hip": [("y", 72), ("x", -58)],
        "left_knee": [("x", 62)],
        "left_ankle": [("x", -4)],
        "right_hip": [("z", -38), ("y", -12)],
        "right_knee": [("x", 4)],
        "right_ankle": [("z", 26)],
        "head": [("y", 14)],
    },
    "stride": {
        "left_collar": [("z", -6)],
        "right_collar": [("z", 6)],
        "left_shoulder": [("x", 22), ("z", -68)],
        "right_shoulder": [("x", -24), ("z", 68)],
        "left_elbow": [("y", -24)],
        "right_elbow": [("y", 38)],
        "left_hip": [("x", -28)],
        "left_knee": [("x", 10)],
        "left_ankle": [("x", 4)],
        "right_hip": [("x", 16)],
        "right_knee": [("x", 28)],
        "right_ankle": [("x", 8)],
        "spine2": [("y", 6)],
        "head": [("y", 12)],
    },
    "hand_on_hip": {
        **_ARMS_DOWN,
        "left_shoulder": [("z", -50), ("y", 18), ("x", 55)],
        "left_elbow": [("y", -100)],
        "left_wrist": [("y", 25)],
        "left_hip": [("z", 7), ("y", 14)],
        "right_hip": [("z", -3), ("y", -6)],
        "left_knee": [("x", 6)],
        "spine1": [("z", -2)],
        "head": [("y", -14), ("x", 3)],
    },
    "run": {
        "pelvis": [("x", 8)],
        "left_collar": [("z", -6)],
        "right_collar": [("z", 6)],
        "left_shoulder": [("x", 42), ("z", -70)],
        "right_shoulder": [("x", -38), ("z", 68)],
        "left_elbow": [("y", -84)],
        "right_elbow": [("y", 88)],
        "left_hip": [("x", -58)],
        "left_knee": [("x", 66)],
        "left_ankle": [("x", 0)],
        "right_hip": [("x", 18)],
        "right_knee": [("x", 34)],
        "right_ankle": [("x", 22)],
        "right_foot": [("x", -18)],
        "spine2": [("y", 8)],
        "head": [("x", -8)],
    },
}
"""Per joint: rotations in degrees about the axes of the T-pose, the last one applied first."""


@dataclass(frozen=True)
class Person:
    """Who stands where: y of the ground is the floor's, yaw 0 faces the camera."""

    body: str
    betas: tuple[float, ...]
    outfit: Outfit
    pose: np.ndarray  # (24, 3) axis-angle
    yaw: float  # degrees, positive turns to the picture's right
    place: tuple[float, float]  # x right of the camera, z in front of it, m
    lift: float = 0.0  # of the lowest point above the floor, m


@dataclass(frozen=True)
class Figure:
    """A dressed person in the room's frame (camera at the origin, y down) and its exact truth."""

    vertices: np.ndarray  # (V, 3)
    joints: np.ndarray  # (24, 3)
    orient: np.ndarray  # (3,) axis-angle of the pelvis in the room
    transl: np.ndarray  # (3,)


def hand_pose(name: str) -> np.ndarray:
    """(24, 3) axis-angle of a pose of the table."""
    pose = np.zeros((24, 3))
    for joint, turns in POSES[name].items():
        axes, degrees = zip(*turns, strict=True)
        turn = Rotation.from_euler("".join(axes).upper(), degrees, degrees=True)
        pose[JOINTS.index(joint)] = turn.as_rotvec()
    return pose


def stand(model: BodyModel, person: Person, floor: float) -> Figure:
    """Dress and pose a person, feet on a floor `floor` metres below the camera."""
    face_camera = Rotation.from_euler("YX", [-person.yaw, 180], degrees=True)
    orient = (face_camera * Rotation.from_rotvec(person.pose[0])).as_rotvec()
    params = BodyParams(
        betas=np.array([person.betas], float),
        global_orient=orient[None],
        body_pose=person.pose[1:].reshape(1, 69),
        transl=np.zeros((1, 3)),
    )
    vertices, joints = skinned(dressed(model, params.betas[0], person.outfit), model, params)
    pelvis = joints[0]
    move = np.array([person.place[0] - pelvis[0], 0, person.place[1] - pelvis[2]])
    move[1] = floor - person.lift - vertices[:, 1].max()
    return Figure(vertices + move, joints + move, orient, move)


def walk(model: BodyModel, person: Person, poses: np.ndarray) -> list[Person]:
    """One person per pose, moved so that whichever foot is lower stays where it is."""
    steps = [replace(person, pose=pose) for pose in poses]
    feet = np.array([stand(model, step, 0.0).joints[[10, 11]] for step in steps])
    place, walked = np.array(person.place), [person.place]
    for before, now in pairwise(feet):
        lower = (before[:, 1] + now[:, 1]).argmax()
        place = place + (before - now)[lower, [0, 2]]
        walked.append((float(place[0]), float(place[1])))
    return [replace(step, place=where) for step, where in zip(steps, walked, strict=True)]


def in_camera(model: BodyModel, person: Person, figure: Figure, tilt: np.ndarray) -> BodyParams:
    """The parameters in the frame of a camera that is turned: x_camera = tilt @ x_room."""
    orient = (Rotation.from_matrix(tilt) * Rotation.from_rotvec(figure.orient)).as_rotvec()
    rest = model.v_template + model.shapedirs[:, :, : len(person.betas)] @ np.array(person.betas)
    pelvis = model.J_regressor[0] @ rest  # smplx turns the body about its pelvis
    return BodyParams(
        betas=np.array([person.betas], float),
        global_orient=orient[None],
        body_pose=person.pose[1:].reshape(1, 69),
        transl=(tilt @ (pelvis + figure.transl) - pelvis)[None],
    )


def dressed(model: BodyModel, betas: np.ndarray, outfit: Outfit) -> np.ndarray:
    """How far each rest vertex moves under clothes and hair: smoothed skin plus thickness."""
    rest = model.v_template + model.shapedirs[:, :, : len(betas)] @ betas
    thickness, smoothing = padding(model, outfit)
    blur = _mean_of_neighbours(model)
    for _ in range(3):
        thickness, smoothing = blur @ thickness, blur @ smoothing
    soft = rest
    for _ in range(60):
        soft = soft + smoothing[:, None] * (blur @ soft - soft)
    return soft - rest + thickness[:, None] * vertex_normals(soft, model.faces)


def _mean_of_neighbours(model: BodyModel) -> csr_matrix:
    a = model.faces[:, [0, 1, 2]].reshape(-1)
    b = model.faces[:, [1, 2, 0]].reshape(-1)
    count = len(model.v_template)
    edges = csr_matrix((np.ones(2 * len(a)), (np.r_[a, b], np.r_[b, a])), shape=(count, count))
    return diags(1 / np.maximum(edges.sum(axis=1).A1, 1)) @ edges


def skinned(offset: np.ndarray, model: BodyModel, params: BodyParams) -> tuple[np.ndarray, ...]:
    """Linear blend skinning of a body whose rest vertices are moved but whose joints are not."""
    rest = model.v_template + model.shapedirs[:, :, : params.betas.shape[1]] @ params.betas[0]
    joints = model.J_regressor @ rest
    pose = np.concatenate([params.global_orient[0], params.body_pose[0]]).reshape(24, 3)
    turns = Rotation.from_rotvec(pose).as_matrix()
    world, at = turns.copy(), joints.copy()
    for j, parent in enumerate(model.parents):
        if parent >= 0:
            world[j] = world[parent] @ turns[j]
            at[j] = world[parent] @ (joints[j] - joints[parent]) + at[parent]
    shift = at - np.einsum("jab,jb->ja", world, joints)
    moved = np.einsum("vj,jab,vb->va", model.weights, world, rest + offset, optimize=True)
    return moved + model.weights @ shift, at
