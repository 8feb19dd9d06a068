"""Half-edge collapse with quadric costs, on one half of a mesh that is cut along its midline.

The rim (the midline) collapses along itself only and no inner edge ever joins two rim vertices,
so the half glued to its mirror image stays a closed manifold, and exactly symmetric.
"""

import heapq

import numpy as np

_MAX_VALENCE, _MAX_VALENCE_HIDDEN = 9, 12
_MIN_NORMAL_COSINE = 0.35  # a triangle may not turn further in one collapse
_MIN_SHAPE = 0.12  # twice the area over the longest edge squared: no slivers
_HIDDEN = 0.1  # below this importance the shape of a triangle does not matter
_EVENNESS = 2e-4  # weight of (edge length)^4, in quadric units: flat parts stay even


class HalfMesh:
    """The mesh being collapsed.

    Args:
        shapes: (S, n, 3) several bodies that the simplified mesh must all follow, metres.
        faces: (f, 3) triangles of the half.
        rim: (n,) whether a vertex lies on the midline.
        importance: (n,) factor of each vertex's error.
    """

    def __init__(
        self, shapes: np.ndarray, faces: np.ndarray, rim: np.ndarray, importance: np.ndarray
    ) -> None:
        self.shapes, self.rim, self.importance = shapes, rim, importance
        self.faces = {i: tuple(face) for i, face in enumerate(faces.tolist())}
        self.around: list[set[int]] = [set() for _ in range(len(rim))]
        self.near: list[set[int]] = [set() for _ in range(len(rim))]
        for i, face in self.faces.items():
            for vertex in face:
                self.around[vertex].add(i)
                self.near[vertex].update(set(face) - {vertex})
        self.alive = np.array([bool(near) for near in self.near])
        self._quadrics = _quadrics(shapes, faces, importance)
        self._homogeneous = np.concatenate([shapes, np.ones_like(shapes[..., :1])], axis=2)
        self._age = np.zeros(len(rim), int)
        self._heap: list[tuple] = []

    def count(self) -> int:
        """Vertices of the whole mesh: the rim once, the rest twice."""
        return int((2 - self.rim[self.alive].astype(int)).sum())

    def simplify(self, target: int) -> None:
        """Collapse the cheapest edge until the whole mesh has `target` vertices."""
        for vertex in np.flatnonzero(self.alive):
            self._push(int(vertex))
        remaining = self.count() - target
        while remaining > 0:
            _, u, v, *age = heapq.heappop(self._heap)
            stale = not (self.alive[u] and self.alive[v]) or age != [self._age[u], self._age[v]]
            removes = 1 if self.rim[u] else 2
            if stale or removes > remaining or not self._allowed(u, v):
                continue
            self._collapse(u, v)
            remaining -= removes
            for vertex in self.near[v] | {v}:
                self._push(vertex)

    def _push(self, u: int) -> None:
        ends = [v for v in self.near[u] if self.rim[v] or not self.rim[u]]
        if not ends:
            return
        h = self._homogeneous[:, ends]
        quadrics = self._quadrics[:, u, None] + self._quadrics[:, ends]
        error = np.einsum("svi,svij,svj->v", h, quadrics, h) / len(self.shapes)
        squared = ((self.shapes[:, [u]] - self.shapes[:, ends]) ** 2).sum(2).mean(0)
        error += _EVENNESS * self.importance[u] * squared**2 * len(self.near[u])
        error *= 2 if self.rim[u] else 1  # the mirror image costs the same but removes nothing
        for cost, v in zip(error.tolist(), ends, strict=True):
            # nine digits: the order must not depend on the last bits of this machine's sums
            heapq.heappush(self._heap, (float(f"{cost:.9e}"), u, v, self._age[u], self._age[v]))

    def _allowed(self, u: int, v: int) -> bool:
        if len(self.near[u] & self.near[v]) != (1 if self.rim[u] else 2):
            return False
        onward = self.near[u] - self.near[v] - {v}  # what v is newly joined to
        if self.rim[v] and not self.rim[u] and any(self.rim[w] for w in onward):
            return False  # the edge would join two rim vertices across the half
        ring = len((self.near[u] | self.near[v]) - {u, v})
        valence = 2 * ring - 2 if self.rim[v] else ring
        hidden = self.importance[u] < _HIDDEN
        if valence > (_MAX_VALENCE_HIDDEN if hidden else _MAX_VALENCE) + int(self.rim[v]):
            return False
        return hidden or self._keeps_shape(u, v)

    def _keeps_shape(self, u: int, v: int) -> bool:
        kept = [self.faces[i] for i in self.around[u] if v not in self.faces[i]]
        if not kept:
            return True
        before = np.array(kept)
        after = np.where(before == u, v, before)
        old, new = self.shapes[:, before], self.shapes[:, after]
        n_old = np.cross(old[..., 1, :] - old[..., 0, :], old[..., 2, :] - old[..., 0, :])
        n_new = np.cross(new[..., 1, :] - new[..., 0, :], new[..., 2, :] - new[..., 0, :])
        sizes = np.linalg.norm(n_old, axis=-1), np.linalg.norm(n_new, axis=-1)
        longest = ((new - np.roll(new, 1, axis=-2)) ** 2).sum(-1).max(-1)
        turned = (n_old * n_new).sum(-1) < _MIN_NORMAL_COSINE * sizes[0] * sizes[1]
        return not (turned | (sizes[1] < _MIN_SHAPE * longest)).any()

    def _collapse(self, u: int, v: int) -> None:
        for i in list(self.around[u]):
            face = self.faces[i]
            for vertex in face:
                self.around[vertex].discard(i)
            if v in face:
                del self.faces[i]
                continue
            self.faces[i] = tuple(v if vertex == u else vertex for vertex in face)
            for vertex in self.faces[i]:
                self.around[vertex].add(i)
        for w in self.near[u]:
            self.near[w].discard(u)
            if w != v:
                self.near[w].add(v)
                self.near[v].add(w)
        self.near[u] = set()
        self.alive[u] = False
        self._quadrics[:, v] += self._quadrics[:, u]
        self._age[[v, *self.near[v]]] += 1


def _quadrics(shapes: np.ndarray, faces: np.ndarray, importance: np.ndarray) -> np.ndarray:
    """(S, n, 4, 4) area-weighted squared distance to the planes around each vertex."""
    a, b, c = (shapes[:, faces[:, k]] for k in range(3))
    across = np.cross(b - a, c - a)
    area = np.linalg.norm(across, axis=-1, keepdims=True)
    normal = across / np.maximum(area, 1e-12)
    plane = np.concatenate([normal, -(normal * a).sum(-1, keepdims=True)], axis=-1)
    weight = area[..., 0] * importance[faces].mean(1)
    per_face = weight[..., None, None] * plane[..., :, None] * plane[..., None, :]
    quadrics = np.zeros((*shapes.shape[:2], 4, 4))
    for k in range(3):
        np.add.at(quadrics, (slice(None), faces[:, k]), per_face)
    return quadrics
