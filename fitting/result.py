"""What a fit returns. No torch here: a run that finds everything in its cache imports this."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int32

from fitting.body.body_model import BodyParams
from fitting.camera import Camera
from fitting.rows import Rows
from fitting.solver.status import Status
from fitting.trail import Trail


@dataclass(frozen=True)
class FitResult(Rows):
    """Fitted bodies, one row per row of the keypoints, with all that is needed to draw them.

    Args:
        frame, track: as in the keypoints.
        params: the bodies, in the camera frame (OpenCV axes, metres).
        camera: of each row.
        joints: the 14 LSP points, camera frame, m.
        reprojection_error: mean distance of the keypoints with confidence > 0, px.
        cost: objective of the last stage, 0.5 x the sum of squares.
        status: fitting.solver.status.Status of the last stage; SKIPPED = too few joints, the
            row holds a placeholder.
        iterations: of the solver over all stages, of the chosen start.
        hypothesis: number of the chosen start: retrieved poses from 0 on, best first, or 0 for the
            mean pose; starts that were turned by 180 degrees come after these.
        spread: standard deviation of the joints over all starts, weighted as for the consensus,
            mean of the 14, m; 0 if there is no consensus (FitConfig.choice.temperature 0).
        expected_error: typical PA-MPJPE of fits with such signs, m (fitting.reliability); 0 if the
            settings cannot tell.
        expected_joint_error: typical distance of each LSP joint from the truth, about the middle of
            shoulders and neck, m (fitting.reliability); 0 if the settings cannot tell.
        term_names: of the objective's terms (fitting.objective.terms), the same for all rows.
        stage_terms: what each term adds to the cost after each step (fitting.trail.step_names),
            those of the last step add up to `cost`. Those of `start` are for the camera stage.
        stage_on: whether the term acts in that step; if not, its value is 0.
        trail: the body after each step.
    """

    frame: Int32[np.ndarray, " N"]
    track: Int32[np.ndarray, " N"]
    params: BodyParams
    camera: Camera
    joints: Float64[np.ndarray, "N 14 3"]
    reprojection_error: Float64[np.ndarray, " N"]
    cost: Float64[np.ndarray, " N"]
    status: Int32[np.ndarray, " N"]
    iterations: Int32[np.ndarray, " N"]
    hypothesis: Int32[np.ndarray, " N"]
    spread: Float64[np.ndarray, " N"]
    expected_error: Float64[np.ndarray, " N"]
    expected_joint_error: Float64[np.ndarray, "N 14"]
    term_names: tuple[str, ...]
    stage_terms: Float64[np.ndarray, "N S T"]
    stage_on: Bool[np.ndarray, "N S T"]
    trail: Trail

    @property
    def fitted(self) -> np.ndarray:
        """Which rows (N,) hold a body."""
        return (self.status != Status.SKIPPED) & (self.status != Status.NONFINITE)
