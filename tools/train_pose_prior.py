"""Train the default pose prior: eight Gaussians over SMPL's body_pose, from motion capture.

    python tools/train_pose_prior.py POSES.npz [...] --output assets/pose_prior.npz
    python tools/train_pose_prior.py POSES.npz [...] --evaluate

It reads this project's CMU files (`body_pose`, `trial`, `trial_ids`) and AMASS files (`poses` or
`pose_body`; a file's folder is its subject). docs/prior.md says why each step is there.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

from fitting.body.skeleton import SMPL_24

# SMPL's joints 1..23, which body_pose rotates, in its order.
JOINTS = SMPL_24.names[1:]
DIMENSION = 3 * len(JOINTS)
CAPTURED = 63  # no optical data set has the last two joints, the hands
COMPONENTS = 8  # the best of 1, 4, 8, 16 on unseen subjects (docs/prior.md)
REGULARIZATION = 1e-3
POSES_PER_SUBJECT = 500  # four of the thirty subjects have half of the CMU poses

# Standard deviation (rad, about x y z) added to every component where optical skeletons lack a
# degree
# of freedom or make it up. Without it, these would be hard constraints on the fit.
FLOORS = {
    "knee": (0.05, 0.15, 0.12),  # captured as a hinge
    "ankle": (0.10, 0.12, 0.12),
    "foot": (0.12, 0.15, 0.20),  # toes: captured as a hinge
    "collar": (0.12, 0.12, 0.12),  # not captured: a share of the shoulder
    "elbow": (0.12, 0.05, 0.12),  # captured as a hinge about y
    "wrist": (0.10, 0.10, 0.10),
    "hand": (0.20, 0.15, 0.20),  # not captured
}
OTHER_FLOOR = (0.05, 0.05, 0.05)

LICENCE = (
    "Derived from CMU mocap (mocap.cs.cmu.edu): free for all uses, may be included in "
    "commercially-sold products, the data may not be resold directly, even in converted form; "
    "acknowledge NSF EIA-0196217. Full terms: pose_prior.LICENSE.md"
)

Poses = Float64[np.ndarray, "N 69"]


@dataclass(frozen=True)
class MotionCapture:
    """Poses (N, 69) rad, each with the index of its trial; `subjects` is per trial."""

    poses: Poses
    trial: Int64[np.ndarray, " N"]
    subjects: np.ndarray
    sources: tuple[str, ...]

    @property
    def subject(self) -> np.ndarray:
        """Subject of each pose."""
        return self.subjects[self.trial]

    def where(self, keep: np.ndarray) -> "MotionCapture":
        """The poses a mask or an index array selects."""
        return MotionCapture(self.poses[keep], self.trial[keep], self.subjects, self.sources)


@dataclass(frozen=True)
class Mixture:
    """Gaussians over body_pose: weights (K), means (K, 69) rad, covars (K, 69, 69) rad^2."""

    weights: Float64[np.ndarray, " K"]
    means: Float64[np.ndarray, "K 69"]
    covars: Float64[np.ndarray, "K 69 69"]

    def component_terms(self, poses: Poses) -> tuple[np.ndarray, np.ndarray]:
        """Half squared Mahalanobis distances (K, N) and half log determinants (K, 1)."""
        halves, logdets = [], []
        for mean, covar in zip(self.means, self.covars, strict=True):
            lower = np.linalg.cholesky(covar)
            whitened = solve_triangular(lower, (poses - mean).T, lower=True)
            halves.append(0.5 * (whitened**2).sum(0))
            logdets.append(np.log(np.diag(lower)).sum())
        return np.array(halves), np.array(logdets)[:, None]

    def log_likelihood(self, poses: Poses) -> np.ndarray:
        """Log density (N) of each pose under the whole mixture."""
        half, logdet = self.component_terms(poses)
        normal = 0.5 * DIMENSION * np.log(2 * np.pi)
        return logsumexp(np.log(self.weights)[:, None] - half - logdet - normal, axis=0)

    def energy(self, poses: Poses) -> np.ndarray:
        """SMPLify's pose energy (N): min_k of -log(w_k N_k), offset by the narrowest component's
        normaliser."""
        half, logdet = self.component_terms(poses)
        return (half + logdet - logdet.min() - np.log(self.weights)[:, None]).min(0)


def mirror(poses: Poses) -> Poses:
    """Swap left and right: exchange the sides and reflect each rotation, (x, y, z)->(x, -y, -z)."""
    other = {"left": "right", "right": "left"}
    sides = [name.partition("_") for name in JOINTS]
    order = [JOINTS.index(other.get(side, side) + dash + part) for side, dash, part in sides]
    return (poses.reshape(-1, len(JOINTS), 3)[:, order] * (1, -1, -1)).reshape(-1, DIMENSION)


def variance_floors() -> Float64[np.ndarray, "69"]:
    """Variance added to each degree of freedom, rad^2."""
    return np.ravel([FLOORS.get(name.split("_")[-1], OTHER_FLOOR) for name in JOINTS]) ** 2


def read(paths: list[Path]) -> MotionCapture:
    """Stack the poses of CMU or AMASS files; the hands, which they lack, are at rest."""
    parts, trials, subjects, sources = [], [], [], set()
    for path in paths:
        with np.load(path, allow_pickle=False) as data:
            body, trial, subject, source = _read_file(path, data)
        parts.append(body)
        trials.append(trial.astype(np.int64) + len(subjects))
        subjects.extend(subject)
        sources.update(source)
    body = np.concatenate(parts).astype(np.float64)
    if body.shape[1] != CAPTURED or not np.isfinite(body).all():
        raise ValueError(f"expected finite body poses of {CAPTURED} numbers, got {body.shape}")
    poses = np.concatenate([body, np.zeros((len(body), DIMENSION - CAPTURED))], axis=1)
    return MotionCapture(
        poses, np.concatenate(trials), np.array(subjects), tuple(sorted(map(str, sources)))
    )


def _read_file(path: Path, data) -> tuple[np.ndarray, np.ndarray, list[str], list[str]]:
    if "trial_ids" in data:
        subjects = [trial_id.split("_")[0] for trial_id in data["trial_ids"]]
        return data["body_pose"], data["trial"], subjects, list(data["source"])
    if "pose_body" in data:
        body = data["pose_body"]
    elif "poses" in data:
        body = data["poses"][:, 3 : 3 + CAPTURED]  # 0..2 turn the root, 66.. are fingers
    else:
        raise ValueError(f"{path}: expected body_pose + trial_ids, pose_body or poses")
    return body, np.zeros(len(body)), [path.parent.name], [path.name]


def split_subjects(data: MotionCapture) -> tuple[MotionCapture, MotionCapture]:
    """What every asset learns from, and the quarter of the subjects kept for testing the fit.

    Synthetic people (`data=synthetic`) are drawn from the second part alone, so that no accuracy
    figure is about poses that the prior, the pose library or the lifter has seen.
    """
    order = np.random.default_rng(0).permutation(np.unique(data.subject))
    test = np.isin(data.subject, order[: len(order) // 4])
    return data.where(~test), data.where(test)


def limit_subjects(data: MotionCapture, limit: int = POSES_PER_SUBJECT) -> MotionCapture:
    """At most `limit` poses of each subject, evenly spaced through its trials."""
    kept = []
    for subject in np.unique(data.subject):
        rows = np.flatnonzero(data.subject == subject)
        spaced = np.linspace(0, len(rows) - 1, min(limit, len(rows)))
        kept.append(rows[spaced.round().astype(int)])
    return data.where(np.sort(np.concatenate(kept)))


def train(poses: Poses, components: int = COMPONENTS, seed: int = 0) -> Mixture:
    """Fit the mixture to poses and their mirror images, then add the variance floors."""
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    model = GaussianMixture(
        components, reg_covar=REGULARIZATION, init_params="kmeans", max_iter=300, random_state=seed
    )
    # The order of parallel sums changes the last digits, and two threads were five times slower.
    with threadpool_limits(limits=1):
        model.fit(np.concatenate([poses, mirror(poses)]))
    return Mixture(model.weights_, model.means_, model.covariances_ + np.diag(variance_floors()))


def held_out(groups: np.ndarray, folds: int = 5, seed: int = 0) -> list[np.ndarray]:
    """Masks that each hold out the rows of a fifth of the groups."""
    order = np.random.default_rng(seed).permutation(np.unique(groups))
    return [np.isin(groups, order[fold::folds]) for fold in range(folds)]


def _turn(poses: Poses, joints: str, angles: np.ndarray | tuple, replace: bool = False) -> Poses:
    """Add (x, y, z) rad to the rotation vectors of each named joint, or replace them by it."""
    turned = poses.reshape(-1, len(JOINTS), 3).copy()
    for name in joints.split():
        start = 0 if replace else turned[:, JOINTS.index(name)]
        turned[:, JOINTS.index(name)] = start + np.asarray(angles)
    return turned.reshape(-1, DIMENSION)


def implausible(poses: Poses, seed: int = 0) -> dict[str, Poses]:
    """Poses that a prior must tell from real ones: the same poses, each with one thing wrong."""
    random = np.random.default_rng(seed)
    shape = (len(poses), len(JOINTS), 3)
    axes = random.normal(size=shape)
    axes *= random.uniform(0, np.pi / 2, (*shape[:2], 1)) / np.linalg.norm(axes, axis=2)[..., None]
    rows = random.integers(len(poses), size=shape[:2])
    shuffled = poses.reshape(shape)[rows, np.arange(len(JOINTS))]
    sign = random.choice([-1.0, 1.0], (len(poses), 1))
    spine = "spine1 spine2 spine3"
    return {
        "random rotations of up to 90 degrees": axes.reshape(len(poses), -1),
        "joints taken from different poses": shuffled.reshape(len(poses), -1),
        "spine twisted by 3 x 25 degrees": _turn(poses, spine, sign * (0, np.deg2rad(25), 0)),
        "spine bent sideways by 3 x 20 degrees": _turn(poses, spine, sign * (0, 0, np.deg2rad(20))),
        "neck and head turned by 2 x 60 degrees": _turn(
            poses, "neck head", sign * (0, np.deg2rad(60), 0)
        ),
        "thigh back by 60 degrees": _turn(poses, "left_hip", (np.deg2rad(60), 0, 0), replace=True),
        "elbow over-extended by 40 degrees": _turn(
            poses, "left_elbow", (0, np.deg2rad(40), 0), replace=True
        ),
        "knee over-extended by 40 degrees": _turn(
            poses, "left_knee", (np.deg2rad(-40), 0, 0), replace=True
        ),
    }


def evaluate(data: MotionCapture) -> None:
    """Print five-fold likelihoods by trial and by subject, and how well wrong poses stand out."""
    from sklearn.metrics import roc_auc_score

    for label, groups in (("trials", data.trial), ("subjects", data.subject)):
        likelihoods, energies, areas = [], [], {}
        for hidden in held_out(groups):
            mixture, real = train(data.poses[~hidden]), data.poses[hidden]
            likelihoods.append(mixture.log_likelihood(real).mean())
            energy = mixture.energy(real)
            energies.append(np.median(energy))
            truth = np.repeat([0, 1], len(real))
            for name, wrong in implausible(real).items():
                score = np.concatenate([energy, mixture.energy(wrong)])
                areas.setdefault(name, []).append(roc_auc_score(truth, score))
        print(f"held-out {label}, mean of 5 folds (least .. most)")
        print(f"  log-likelihood per pose: {_spread(likelihoods, '.1f')}")
        print(f"  median energy: {_spread(energies, '.1f')}")
        for name, values in areas.items():
            print(f"  AUC, {name}: {_spread(values, '.3f')}")


def _spread(values: list[float], form: str) -> str:
    return f"{np.mean(values):{form}} ({min(values):{form}} .. {max(values):{form}})"


def save(path: Path, mixture: Mixture, data: MotionCapture, command: str) -> None:
    """Write the arrays and where they come from; the same mixture gives the same bytes."""
    subjects, trials = len(np.unique(data.subject)), len(np.unique(data.trial))
    origin = (
        f"{len(data.poses)} poses and their mirror images, {trials} trials, {subjects} subjects"
    )
    np.savez_compressed(
        path,
        means=mixture.means,
        covars=mixture.covars,
        weights=mixture.weights,
        source=f"{origin}; files from {', '.join(data.sources)}",
        licence=LICENCE,
        command=command,
    )


def main() -> None:
    """Train on the files named on the command line, or evaluate the recipe on them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path, help="CMU or AMASS .npz files")
    parser.add_argument("--output", type=Path, help="where to write the prior (.npz)")
    parser.add_argument("--evaluate", action="store_true", help="print held-out figures")
    arguments = parser.parse_args()
    if not (arguments.output or arguments.evaluate):
        parser.error("expected --output, --evaluate or both")
    data = limit_subjects(split_subjects(read(arguments.files))[0])
    if arguments.evaluate:
        evaluate(data)
    if arguments.output:
        start = time.perf_counter()
        mixture = train(data.poses)
        names = " ".join(path.name for path in arguments.files)
        command = f"python tools/train_pose_prior.py {names} --output {arguments.output.name}"
        save(arguments.output, mixture, data, command)
        print(f"{len(data.poses)} poses, {time.perf_counter() - start:.0f} s: {arguments.output}")


if __name__ == "__main__":
    main()
