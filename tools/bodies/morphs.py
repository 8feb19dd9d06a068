"""Bodies from target weights, for the chosen vertices and the centres of the joint cubes only."""

from dataclasses import dataclass, field

import numpy as np

from .makehuman import MakeHuman
from .skeleton import CUBES


@dataclass
class Morphs:
    """The morph targets restricted to what the bodies need, each read once.

    Args:
        human: the data.
        vertices: (n,) base-mesh indices of the vertices wanted.
    """

    human: MakeHuman
    vertices: np.ndarray
    _rows: dict[str, np.ndarray | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        cubes = [np.unique(self.human.groups[f"joint-{name}"]) for name in CUBES]
        self._members = [np.array([v]) for v in self.vertices] + cubes
        self._base = self._restrict(self.human.vertices)

    def shapes(self, people: list[dict[str, float]]) -> tuple[np.ndarray, np.ndarray]:
        """Build one body per person.

        Args:
            people: target name -> weight.

        Returns:
            Vertices (S, n, 3) and cube centres (S, cubes, 3), metres, in MakeHuman's own pose.
        """
        names = sorted(
            {name for person in people for name in person if self._row(name) is not None}
        )
        column = {name: i for i, name in enumerate(names)}
        weights = np.zeros((len(people), len(names)))
        for person, row in zip(people, weights, strict=True):
            for name in person.keys() & column.keys():
                row[column[name]] = person[name]
        offsets = weights @ np.stack([self._rows[name] for name in names])
        points = self._base + offsets.reshape(len(people), -1, 3)
        return points[:, : len(self.vertices)], points[:, len(self.vertices) :]

    def _row(self, name: str) -> np.ndarray | None:
        if name not in self._rows:
            target = self.human.target(name)
            self._rows[name] = None
            if target is not None and len(target[0]):
                offsets = np.zeros_like(self.human.vertices)
                offsets[target[0]] = target[1]
                self._rows[name] = self._restrict(offsets).ravel()
        return self._rows[name]

    def _restrict(self, points: np.ndarray) -> np.ndarray:
        n = len(self.vertices)
        centres = [points[members].mean(0) for members in self._members[n:]]
        return np.concatenate([points[self.vertices], centres])
