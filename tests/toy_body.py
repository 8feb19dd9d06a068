"""A tiny body in SMPL's format with nothing equal to 0: shape, pose and skin weights all count."""

import numpy as np

from fitting import BodyModel

PARENTS = np.array(
    [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21]
)


def toy_body(seed: int = 0, n_vertices: int = 40, n_betas: int = 4) -> BodyModel:
    rng = np.random.default_rng(seed)
    weights = np.zeros((n_vertices, 24))
    for row in weights:
        row[rng.choice(24, 4, replace=False)] = rng.dirichlet(np.ones(4))
    return BodyModel(
        v_template=rng.normal(0, 0.5, (n_vertices, 3)),
        shapedirs=rng.normal(0, 0.05, (n_vertices, 3, n_betas)),
        posedirs=rng.normal(0, 0.02, (n_vertices, 3, 207)),
        J_regressor=rng.dirichlet(np.ones(n_vertices), 24),
        weights=weights,
        parents=PARENTS,
        faces=rng.integers(0, n_vertices, (20, 3)),
        head_top=7,
        landmarks=np.arange(10, 21),
    )
