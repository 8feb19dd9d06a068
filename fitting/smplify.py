"""SMPLify (Bogo et al., "Keep it SMPL", ECCV 2016): camera stage, then body stages with falling
weights, for all people and all their starts in one batch."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from fitting.assets import Assets
from fitting.camera import Camera
from fitting.choice import Consensus, least_per_person
from fitting.collect import Fitted, placeholder, with_rows
from fitting.fit_config import PARAMETERS, BodyStage, FitConfig, Joints, Precision
from fitting.joints import TORSO, Keypoints
from fitting.objective.model import Model
from fitting.objective.objective import Objective
from fitting.objective.residuals import Loss
from fitting.objective.terms import TERMS, Term, check_weights, names_of
from fitting.result import FitResult
from fitting.solver.levenberg_marquardt import minimize
from fitting.starts.initialize import enough_to_fit
from fitting.starts.starts import Starts, both_ways, find_starts, observe, uses_extras


def fit(
    keypoints: Keypoints,
    camera: Camera,
    assets: Assets,
    config: FitConfig,
    device: str = "cpu",
    terms: Iterable[Term] = TERMS,
) -> FitResult:
    """Fit a body to every row of keypoints.

    Args:
        keypoints: N rows, of any mixture of images.
        camera: N rows.
        assets: body, prior and the other models that the config needs.
        config: stages and weights.
        device: torch device.
        terms: those of the objective; the config gives their weights by name.

    Returns:
        N rows in the order of the keypoints. A row that cannot be fitted has a status that says so.

    Raises:
        ValueError: the camera has a different number of rows, an asset that the config needs is
            missing, or a weight belongs to no term.
    """
    terms = tuple(terms)
    check_weights(config, terms)
    _check(keypoints, camera, assets, config)
    rows = np.flatnonzero(enough_to_fit(keypoints.xy, keypoints.confidence))
    result = placeholder(keypoints, camera, assets.prior, config, names_of(terms))
    if not len(rows):
        return result
    extras = uses_extras(keypoints[rows], config)
    with torch.no_grad():  # apart, so that people with face and feet do not move those without
        for group in (rows[extras], rows[~extras]):
            if len(group):
                fitted = _fitted(keypoints[group], camera[group], assets, config, device, terms)
                result = with_rows(result, group, fitted)
    return result


def _fitted(
    people: Keypoints,
    camera: Camera,
    assets: Assets,
    config: FitConfig,
    device: str,
    terms: tuple[Term, ...],
) -> Fitted:
    """All stages, for people who either all have points of face and feet to fit, or all have
    none."""
    extras = bool(uses_extras(people, config).any())
    exact, search = _models(assets, config, device, extras, terms)
    seen = observe(people, camera, assets.lifter, assets.fusion, config, device)
    starts = find_starts(exact, seen, assets.library, config)
    starts = replace(starts, x=starts.x.to(search.dtype), seen=starts.seen.to(search.dtype))
    after_camera = _camera_stage(search, starts, config)
    trail = [both_ways(starts, config), starts := both_ways(after_camera, config)]
    trail += [starts := _body_stage(search, starts, stage, config) for stage in config.stages]
    best, consensus = _choose(search, starts, config)
    trail = [_exact(after[best]) for after in trail]
    chosen = consensus.pull(trail[-1]) if config.choice.temperature else trail[-1]
    for stage in config.refine:
        trail.append(chosen := _body_stage(exact, chosen, stage, config))
    values, on = _values(exact, trail, config)
    told = config.expected_error, config.expected_joint_error
    return Fitted(exact, seen, trail, values, on, consensus.spread, *told)


def _check(keypoints: Keypoints, camera: Camera, assets: Assets, config: FitConfig) -> None:
    if len(camera.focal_length) != len(keypoints):
        raise ValueError(f"camera: expected {len(keypoints)} rows, got {len(camera.focal_length)}")
    if config.starts and assets.library is None:
        raise ValueError(f"fit.starts: {config.starts} starts need a pose library, got none")
    if config.lifts and assets.lifter is None:
        raise ValueError("fit.lookup, or a weight joints_3d, needs a lifter, got none")
    if config.interpenetration and assets.capsules is None:
        raise ValueError("fit.interpenetration: expected the body's capsules, got none")


def _models(
    assets: Assets, config: FitConfig, device: str, extras: bool, terms: tuple[Term, ...]
) -> tuple[Model, Model]:
    """The model in double precision, and in the precision of the search."""
    parts = assets.body, assets.prior, assets.capsules if config.interpenetration else None
    exact = Model(*parts, config.n_betas, device, torch.float64, extras).with_terms(terms)
    if config.precision is Precision.double:
        return exact, exact
    search = Model(*parts, config.n_betas, device, torch.float32, extras)
    return exact, search.with_terms(terms)


def _exact(starts: Starts) -> Starts:
    return replace(starts, x=starts.x.double(), seen=starts.seen.to(torch.float64))


def _camera_stage(model: Model, starts: Starts, config: FitConfig) -> Starts:
    """Solve for translation and root rotation, from the trunk or from every point."""
    objective, stage = _camera_objective(model, starts, config), config.camera
    solution = minimize(objective, starts.x, stage.max_iterations, stage.tolerance)
    return replace(starts, x=solution.x, iterations=starts.iterations + solution.iterations)


def _camera_objective(model: Model, starts: Starts, config: FitConfig) -> Objective:
    """The objective of translation and root rotation, with the points that the camera stage aligns.

    If fewer than 3 points of the trunk are seen, too few to fix a rotation, every point counts.
    """
    seen, stage, loss = starts.seen, config.camera, loss_of(config)
    if stage.joints is Joints.torso:
        torso = torch.zeros(seen.xy.shape[1], dtype=torch.bool, device=seen.xy.device)
        torso[list(TORSO)] = True
        use_torso = (seen.seen & torso).sum(1, keepdim=True) >= 3
        known = seen.seen & (torso | ~use_torso)
        seen = replace(seen, weight=known.to(seen.xy.dtype))
        loss = Loss(torch.inf)
    return Objective(model, model.unknowns(["global_orient", "transl"]), seen, stage.weights, loss)


def _body_stage(model: Model, starts: Starts, stage: BodyStage, config: FitConfig) -> Starts:
    """One stage, from the current states of the starts."""
    objective = _objective(model, starts, stage, config)
    solution = minimize(objective, starts.x, stage.max_iterations, stage.tolerance)
    iterations = starts.iterations + solution.iterations
    x = objective.complete(solution.x)
    return replace(starts, x=x, iterations=iterations, status=solution.status)


def _objective(model: Model, starts: Starts, stage: BodyStage, config: FitConfig) -> Objective:
    unknowns = model.unknowns(stage.free, config.interpenetration)
    return Objective(model, unknowns, starts.seen, stage.weights, loss_of(config))


def _values(model: Model, trail: list[Starts], config: FitConfig) -> tuple[Tensor, Tensor]:
    """What each term adds to the cost after each step of the trail, and whether it acts there."""
    problems = [_camera_objective(model, after, config) for after in trail[:2]]
    for after, stage in zip(trail[2:], [*config.stages, *config.refine], strict=True):
        problems.append(_objective(model, after, stage, config))
    values = [problem.values(after.x) for problem, after in zip(problems, trail, strict=True)]
    on = [[name in problem.on for name in names_of(model.terms)] for problem in problems]
    return torch.stack(values, 1), torch.tensor(on, device=values[0].device)


def loss_of(config: FitConfig) -> Loss:
    """The robust function of the data term in the body stages and in the choice."""
    return Loss(config.robust_sigma, config.kernel)


def _choose(model: Model, starts: Starts, config: FitConfig) -> tuple[Tensor, Consensus]:
    """Index of each person's best start, and what all of them agree on."""
    unknowns = model.unknowns(list(PARAMETERS), config.interpenetration)
    choice = config.choice
    objective = Objective(model, unknowns, starts.seen, choice.weights, loss_of(config))
    value = objective.values(starts.x).sum(1)
    best = least_per_person(value, starts.person)
    return best, Consensus(model, starts, value, choice.temperature)
