"""Feet that stand are found, and kept where they are."""

import numpy as np
import pytest
import torch

from fitting.joints import LSP_14, POINTS
from fitting.objective.bodies import Bodies
from fitting.objective.model import Model
from fitting.objective.objective import Objective
from fitting.sequence.standing import SOLES, Standing, soles_of, standing_chances, upwards
from fitting.solver.chain import ChainLinearization

FPS = 25.0


def steps(frames: int = 75, forward: float = 1.2) -> tuple[np.ndarray, np.ndarray]:
    """Points (T, 25, 3) of somebody who walks across the view, a foot at a time, y down; and which
    foot stands (T, 2)."""
    time = np.arange(frames) / FPS
    points = np.zeros((frames, len(POINTS), 3))
    points[..., 2] = 4.0
    points[:, LSP_14.index("neck"), 1] = -1.4
    stands = np.stack([(time % 1.0) < 0.5, (time % 1.0) >= 0.5], 1)
    for foot, part in enumerate(("left", "right")):
        going = np.cumsum(~stands[:, foot]) * 2 * forward / FPS
        up = 0.12 * np.sin(np.pi * ((time % 0.5) / 0.5)) * ~stands[:, foot]
        for sole in (*SOLES[2 * foot], *SOLES[2 * foot + 1]):
            points[:, sole, 0], points[:, sole, 1] = going, -up
        points[:, LSP_14.index(f"{part}_ankle"), 0] = going
        points[:, LSP_14.index("neck"), 0] += going / 2
    return points, stands


def test_feet_that_stand() -> None:
    points, stands = steps()
    found = standing_chances(points, np.arange(len(points)) / FPS)
    truly = (stands[1:] & stands[:-1])[:, [0, 0, 1, 1]]
    moving = (~stands[1:] & ~stands[:-1])[:, [0, 0, 1, 1]]
    assert found.shape == (74, 4)
    assert found[truly].mean() > 0.9
    assert found[moving].mean() < 0.1


def test_who_hangs_in_the_air_and_moves_stands_nowhere() -> None:
    points, _ = steps()
    points[..., 0] += np.arange(len(points))[:, None] * 2.0 / FPS
    assert standing_chances(points, np.arange(len(points)) / FPS).max() < 0.2


def test_upwards_is_where_heads_are() -> None:
    points, _ = steps()
    np.testing.assert_allclose(upwards(points[:, :14])[1], -1, atol=0.1)


@pytest.fixture(scope="module")
def moving(body, prior):
    """An objective of four frames and random states near each other."""
    model = Model(body, prior, extras=True)
    generator = torch.Generator().manual_seed(0)
    x = torch.zeros(4, 4 + 69 + 10 + 3, dtype=torch.float64)
    x[:, 0] = 1
    x[:, 4:] = 0.2 * torch.randn(4, 82, generator=generator, dtype=torch.float64)
    x[:, -1] += 4
    return model, x


def linearized(model: Model, x: torch.Tensor) -> tuple[ChainLinearization, Objective]:
    from fitting.objective.residuals import Loss, Observations

    frames, n = len(x), len(POINTS)
    seen = Observations(
        xy=torch.zeros(frames, n, 2).double(),
        seen=torch.zeros(frames, n).bool(),
        weight=torch.zeros(frames, n).double(),
        focal_length=torch.full((frames,), 500.0).double(),
        center=torch.zeros(frames, 2).double(),
        scale=torch.ones(frames).double(),
        depth=torch.ones(frames).double(),
        depth_unit=torch.ones(frames).double(),
        target=torch.zeros(frames, 14, 4).double(),
    )
    unknowns = model.unknowns(["global_orient", "body_pose", "betas", "transl"])
    objective = Objective(model, unknowns, seen, {"data": 0.0, "joints_3d": 1.0}, Loss(100.0))
    size = unknowns.size
    zeros = torch.zeros
    linear = ChainLinearization(
        0.0,
        zeros(frames, size).double(),
        zeros(frames, size, size).double(),
        zeros(frames - 1, size, size).double(),
        zeros(frames - 2, size, size).double(),
    )
    chance = torch.tensor([[1.0, 0.5, 0.0, 0.2]] * (frames - 1)).double()
    term = Standing(chance, torch.full((frames - 1,), 0.04).double(), 0.05)
    return term.add_to(linear, Bodies(objective, x)), objective


def test_the_gradient_is_that_of_finite_differences(moving) -> None:
    model, x = moving
    linear, objective = linearized(model, x)
    for frame, entry in ((0, 0), (1, 7), (2, 20), (3, -1), (1, -2), (2, -5)):
        step = torch.zeros_like(linear.gradient)
        step[frame, entry] = 1e-6
        more, less = (linearized(model, objective.retract(x, s * step))[0].cost for s in (1, -1))
        slope = float(linear.gradient[frame, entry])
        assert (more - less) / 2e-6 == pytest.approx(slope, rel=1e-4, abs=1e-3)


def test_the_hessian_is_positive_and_its_blocks_belong_together(moving) -> None:
    """Moving all frames alike moves no foot against itself: the Hessian knows nothing of it."""
    model, x = moving
    linear, _ = linearized(model, x)
    assert torch.linalg.eigvalsh(linear.diagonal).min() > -1e-6
    shift = torch.zeros(linear.gradient.shape[1]).double()
    shift[-3:] = 1.0
    whole = linear.diagonal.clone()
    whole[1:] += linear.next
    whole[:-1] += linear.next.mT
    torch.testing.assert_close((whole @ shift).sum(0), torch.zeros_like(shift), atol=1e-6, rtol=0)


def test_soles_are_means_of_their_points() -> None:
    points = torch.arange(25.0)[None, :, None].expand(2, 25, 3)
    expected = [float(np.mean(part)) for part in SOLES]
    assert soles_of(points)[0, :, 0].tolist() == expected
