"""What a fit went through: its steps, and the objective's parts and the bodies after each.

No torch here: a run that finds everything in its cache imports this.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, count

import numpy as np
from jaxtyping import Float32

from fitting.body.body_model import BodyParams
from fitting.rows import Rows


def step_names(stages: Iterable[str]) -> tuple[str, ...]:
    """Unique names of the steps of a fit: its start, its camera stage, its body stages.

    Args:
        stages: names of the body stages of FitConfig in order, `stages`, then `refine`.
    """
    names: list[str] = []
    for name in ("start", "camera", *stages):
        numbered = chain([name], (f"{name} ({number})" for number in count(2)))
        names.append(next(choice for choice in numbered if choice not in names))
    return tuple(names)


@dataclass(frozen=True)
class Trail(Rows):
    """The chosen start's body after each of its S steps, in single precision, for pictures.

    Args:
        stage_betas, stage_global_orient, stage_body_pose, stage_transl: as in BodyParams.
    """

    stage_betas: Float32[np.ndarray, "N S n_betas"]
    stage_global_orient: Float32[np.ndarray, "N S 3"]
    stage_body_pose: Float32[np.ndarray, "N S 69"]
    stage_transl: Float32[np.ndarray, "N S 3"]

    @property
    def n_steps(self) -> int:
        return self.stage_betas.shape[1]

    def bodies(self, step: int) -> BodyParams:
        """All N bodies after a step."""
        return BodyParams(
            betas=self.stage_betas[:, step].astype(float),
            global_orient=self.stage_global_orient[:, step].astype(float),
            body_pose=self.stage_body_pose[:, step].astype(float),
            transl=self.stage_transl[:, step].astype(float),
        )
