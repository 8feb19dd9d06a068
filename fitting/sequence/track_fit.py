"""All frames of a person in one solve: one shape, and a body that moves as bodies do."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.objective.model import Model
from fitting.sequence.pieces import Piece, pieces, samples
from fitting.sequence.settings import SequenceConfig
from fitting.sequence.smoothness import Stiffness, turned_back
from fitting.sequence.standing import Standing, standing_chances
from fitting.sequence.track_problem import Frames, FrameTerms, TrackProblem
from fitting.solver.chain import minimize_chain, shared_information
from fitting.solver.status import Status

_PLAIN = float("inf")  # a kernel without exceptions
_SHAPE_SAMPLES = 4  # pieces of a long track that tell the shape of the body


@dataclass(frozen=True)
class Fit:
    """The states of a track, and how its solve ended; iterations are those of the longest piece."""

    x: Float[Tensor, "T S"]
    iterations: int
    status: Status


class TrackFit:
    """The solve with its settings.

    Args:
        model: what is fitted.
        terms: of the fit, in every frame.
        settings: of the sequence.
    """

    def __init__(self, model: Model, terms: FrameTerms, settings: SequenceConfig) -> None:
        self._model, self._terms, self._settings = model, terms, settings
        self._stiffness = Stiffness(settings.acceleration, settings.kernel, settings.rotation)

    def __call__(self, x: Float[Tensor, "T S"], frames: Frames) -> Fit:
        """Fit the track from x; the betas start from their median."""
        x, window = x.clone(), self._settings.window
        betas = self._model.split(x)[2]
        betas[:] = betas.median(0).values
        if len(x) <= window + self._settings.overlap:
            return self._solve(x, frames, shape=True)
        betas[:] = self._shape_of(x, frames)
        iterations, status = 0, Status.CONVERGED
        for piece in pieces(len(x), window, self._settings.overlap):
            part = self._piece(x, frames, piece)
            x[piece.kept] = part.x[piece.held :][: piece.kept.stop - piece.kept.start]
            iterations, status = max(iterations, part.iterations), max(status, part.status)
        return Fit(x, iterations, status)

    def _piece(self, x: Tensor, frames: Frames, piece: Piece) -> Fit:
        part = frames[piece.frames]
        part.held[: piece.held] = True
        return self._solve(x[piece.frames], part, shape=False)

    def _shape_of(self, x: Tensor, frames: Frames) -> Float[Tensor, " n_betas"]:
        """The shape from some pieces of the track, each weighted by how much it knows."""
        some = samples(len(x), self._settings.window, _SHAPE_SAMPLES)
        total, right = 0.0, 0.0
        for rows in some:
            part = frames[rows]
            fit = self._solve(x[rows], part, shape=True)
            problem = self._problem(part, self._settings.kernel, shape=True)
            information = shared_information(problem, fit.x)
            total = total + information
            right = right + information @ self._model.split(fit.x)[2][0]
        return torch.linalg.solve(total, right)

    def _solve(self, x: Tensor, frames: Frames, shape: bool) -> Fit:
        """Solve twice, first as if no acceleration were an exception and no foot stood: only the
        result shows which ones are, and which feet do."""
        iterations, status, standing = 0, Status.CONVERGED, None
        for kernel in (_PLAIN, self._settings.kernel):
            problem = self._problem(frames, kernel, shape, standing)
            found = minimize_chain(
                problem, x, self._settings.max_iterations, self._settings.tolerance
            )
            x = torch.where(frames.held[:, None], x, problem.complete(found.x))
            iterations, status = iterations + found.iterations, found.status
            if bool(frames.in_place.any()):
                standing = self._standing(x, frames)
        return Fit(x, iterations, status)

    def _standing(self, x: Tensor, frames: Frames) -> Standing:
        """Which feet stand, according to the states."""
        points = self._model.pose(x).points + self._model.split(x)[3][:, None]
        points = turned_back(points, frames.turned)
        chance = standing_chances(points.double().cpu().numpy(), frames.times.cpu().numpy())
        may = frames.joined & frames.in_place[1:]
        return Standing(
            torch.as_tensor(chance).to(x) * may[:, None],
            frames.times.diff().to(x),
            self._settings.standing,
            frames.turned,
        )

    def _problem(
        self, frames: Frames, kernel: float, shape: bool, standing: Standing | None = None
    ) -> TrackProblem:
        stiffness = replace(self._stiffness, kernel=kernel)
        lasts = max(frames.lasts / self._settings.errors_last, 1.0) * shape
        return TrackProblem(self._model, frames, self._terms, stiffness, lasts, standing)
