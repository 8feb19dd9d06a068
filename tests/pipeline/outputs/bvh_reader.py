"""Reads a BVH file as its format is described everywhere: offsets, channels in order, degrees."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation


@dataclass
class Joint:
    """`first` is its first column in the motion."""

    name: str
    parent: int
    offset: np.ndarray
    channels: list[str]
    first: int


@dataclass
class BvhFile:
    joints: list[Joint]
    ends: dict[str, np.ndarray]
    values: Float[np.ndarray, "T channels"]
    frame_time: float

    def places(self) -> dict[str, Float[np.ndarray, "T 3"]]:
        """Of each joint in the world, in the units of the file."""
        turns, places = [], []
        for joint in self.joints:
            turn = Rotation.identity(len(self.values))
            place = np.tile(joint.offset, (len(self.values), 1))
            for column, channel in enumerate(joint.channels, joint.first):
                axis = channel[0]
                if channel.endswith("position"):
                    place[:, "XYZ".index(axis)] += self.values[:, column]
                else:
                    turn = turn * Rotation.from_euler(axis, self.values[:, column], degrees=True)
            if joint.parent >= 0:
                place = places[joint.parent] + turns[joint.parent].apply(place)
                turn = turns[joint.parent] * turn
            turns.append(turn)
            places.append(place)
        return {joint.name: place for joint, place in zip(self.joints, places, strict=True)}


def read_bvh(text: str) -> BvhFile:
    head, _, motion = text.partition("MOTION")
    words = iter(head.split())
    joints: list[Joint] = []
    ends: dict[str, np.ndarray] = {}
    stack: list[int] = []
    column, ending = 0, False
    assert next(words) == "HIERARCHY"
    for word in words:
        if word in ("ROOT", "JOINT"):
            parent = stack[-1] if stack else -1
            joints.append(Joint(next(words), parent, np.zeros(3), [], column))
        elif word == "End":
            assert next(words) == "Site"
            ending = True
        elif word == "{":
            stack.append(len(joints) - 1)
        elif word == "}":
            stack.pop()
            ending = False
        elif word == "OFFSET":
            offset = np.array([float(next(words)) for _ in range(3)])
            if ending:
                ends[joints[-1].name] = offset
            else:
                joints[-1].offset = offset
        elif word == "CHANNELS":
            joints[-1].channels = [next(words) for _ in range(int(next(words)))]
            column += len(joints[-1].channels)
        else:
            raise AssertionError(f"{word} in the hierarchy")
    lines = motion.strip().splitlines()
    assert lines[0].startswith("Frames:")
    assert lines[1].startswith("Frame Time:")
    values = np.array([[float(v) for v in line.split()] for line in lines[2:]])
    assert values.shape == (int(lines[0].split()[1]), column)
    return BvhFile(joints, ends, values, float(lines[1].split()[2]))
