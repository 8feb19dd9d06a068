"""How much of the surroundings each vertex sees: mouth cavity and nostrils see next to nothing."""

import numpy as np

VIEWS = 128
_LIFT = 1e-3  # metres above the surface the rays start, clear of the vertex's own triangles


def sphere_directions(count: int) -> np.ndarray:
    """(count, 3) unit vectors spread evenly over the sphere (a golden spiral)."""
    i = np.arange(count) + 0.5
    z, angle = 1 - 2 * i / count, np.pi * (1 + 5**0.5) * i
    radius = np.sqrt(1 - z**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1)


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Area-weighted unit normals (..., n, 3)."""
    a, b, c = (vertices[..., faces[:, k], :] for k in range(3))
    normals = np.zeros_like(vertices)
    across = np.cross(b - a, c - a)
    for k in range(3):
        np.add.at(normals, (..., faces[:, k], slice(None)), across)
    return normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)


def exposure(vertices: np.ndarray, faces: np.ndarray, occluders: np.ndarray) -> np.ndarray:
    """Share of the sphere from which each vertex is seen, 0..about 0.5 (the rest is the body).

    Args:
        vertices: (n, 3) metres; `faces` and `occluders` index them.
        faces: (f, 3) the skin.
        occluders: (o, 3) what else hides it, such as the eyeballs in their sockets.
    """
    import trimesh

    mesh = trimesh.Trimesh(vertices, np.concatenate([faces, occluders]), process=False)
    normals = vertex_normals(vertices, faces)
    used = np.unique(faces)
    seen = np.zeros(len(vertices))
    for direction in sphere_directions(VIEWS):
        facing = used[normals[used] @ direction > 0]
        start = vertices[facing] + _LIFT * normals[facing]
        hit = mesh.ray.intersects_any(start, np.broadcast_to(direction, start.shape))
        seen[facing] += ~hit
    return seen / VIEWS
