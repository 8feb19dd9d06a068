"""Where the time of a fit goes, and the least that its arithmetic would take on this machine.

    python -m benchmarks.fit_profile [PRESET] [--batch 256] [--interpenetration]

It prints CPU time by parts (indented ones are inside others), on one thread. The operations of one
iteration of one start are counted from the sizes of the products. The floor is that count times the
iterations done, over the rate of matrix products measured in the same minute: of large ones, which
are the processor's best, and of batches of the size that the normal equations have.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable

import torch

from benchmarks.fit_speed import config_of, people, with_contacts
from fitting import smplify
from fitting.body.kinematics import Kinematics
from fitting.objective import residuals
from fitting.objective.interpenetration import Interpenetration
from fitting.objective.objective import Objective
from fitting.objective.point_jacobian import PointJacobian
from fitting.solver import levenberg_marquardt
from fitting.solver.levenberg_marquardt import Linearization

PARTS = (
    (smplify, "fit", "whole"),
    (smplify, "find_starts", "retrieval / start"),
    (smplify, "_camera_stage", "camera stage"),
    (smplify, "_body_stage", "body stages"),
    (smplify, "_choose", "choice"),
    (Objective, "linearize", "  linearize"),
    (Kinematics, "points", "    pose the points"),
    (PointJacobian, "__call__", "    their derivative"),
    (residuals, "data_term", "    data term, J'J"),
    (residuals, "student_data_term", "    data term, J'J"),
    (residuals, "pose_prior_term", "    pose prior"),
    (Interpenetration, "add_to", "    interpenetration"),
    (levenberg_marquardt, "_damped_step", "  step (Cholesky)"),
    (Objective, "retract", "  retract"),
)


class Clock:
    """CPU seconds by part, and rows linearized by the size of their step."""

    def __init__(self) -> None:
        self.seconds, self.rows = Counter(), Counter()
        self.problems: dict[int, Objective] = {}

    def watch(self, owner: object, name: str, part: str) -> None:
        setattr(owner, name, self._timed(getattr(owner, name), part))

    def _timed(self, function: Callable, part: str) -> Callable:
        def timed(*arguments):
            begin = time.process_time()
            result = function(*arguments)
            self.seconds[part] += time.process_time() - begin
            if isinstance(result, Linearization) and isinstance(arguments[0], Objective):
                self.rows[arguments[0].unknowns.size] += len(result)
                self.problems[arguments[0].unknowns.size] = arguments[0]
            return result

        return timed


def operations(problem: Objective) -> dict[str, float]:
    """Floating-point operations of one iteration of one row, by part; contacts not counted."""
    body, at = problem.model.kinematics, problem.unknowns
    d, turned, betas, n = at.size, 3 * len(at.turned), body.n_betas, body.n_points
    places = len(body.carried)
    free = 3 * len(at.joints)
    components = len(problem.model.prior.weights)
    return {
        "pose": 23 * 150 + 2 * 3 * 72 * places * (1 + betas) + 2 * 3 * places * (betas + n),
        "derivative": 2 * 2 * n * 6 * turned
        + (2 * 3 * n * betas * (places + 2) if at.n_betas else 0),
        "data": 2 * 2 * n * d * (d + 1),
        "prior": 2 * components * free * (free + 1) if free else 0,
        "step": d**3 / 3 + 2 * d**2,
    }


def rate(dtype: torch.dtype, shape: tuple[int, int, int] | None = None) -> float:
    """Operations a second of matrix products, large or (batch, D, k) by their transposes."""
    a = torch.randn(*(shape or (1, 1024, 1024)), dtype=dtype)
    b, count = a.mT.contiguous(), 2 * a.shape[0] * a.shape[1] ** 2 * a.shape[2]
    taken = []
    for _ in range(9):
        begin = time.process_time()
        a @ b
        taken.append(time.process_time() - begin)
    return count / sorted(taken)[4]


def main() -> None:
    parser = argparse.ArgumentParser(description="Where the time of a fit goes.")
    parser.add_argument("preset", nargs="?", default="multistart")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--interpenetration", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    config = with_contacts(config_of(asked.preset), asked.interpenetration)
    assets, cases = people(asked.batch)
    smplify.fit(cases.keypoints[:4], cases.camera[:4], assets, config)
    clock = Clock()
    for part in PARTS:
        clock.watch(*part)
    smplify.fit(cases.keypoints, cases.camera, assets, config)
    whole, per_person = clock.seconds["whole"], 1000 / asked.batch
    for _, _, part in dict.fromkeys((None, None, part) for *_, part in PARTS):
        seconds = clock.seconds[part]
        print(f"{part:24} {per_person * seconds:8.2f} ms {100 * seconds / whole:5.1f} %")
    dtype = clock.problems[max(clock.problems)].model.dtype
    best, total = rate(dtype), 0.0
    for size, rows in sorted(clock.rows.items()):
        counted = operations(clock.problems[size])
        total += rows * sum(counted.values())
        parts = ", ".join(f"{name} {value / 1e3:.0f}" for name, value in counted.items())
        print(f"{size} unknowns: {rows / asked.batch:.1f} rows a person; thousands each: {parts}")
    small = rate(dtype, (1024, max(clock.rows), 28))
    print(f"{dtype}: {best / 1e9:.1f} G operations/s large, {small / 1e9:.1f} batched")
    for name, speed in (("large", best), ("batched", small)):
        floor = per_person * total / speed
        print(f"floor at the {name} rate {floor:.2f} ms; taken {per_person * whole / floor:.1f} x")


if __name__ == "__main__":
    main()
