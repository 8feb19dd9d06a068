"""How long others take for the same or a similar problem, on this machine in the same minute.

    python -m benchmarks.yardsticks PRESET [PEOPLE] [key=value ...]
                                                one stage by scipy and by ours, from the same starts
    python -m benchmarks.yardsticks smplfitter  vertices in 3-D to parameters, by PyPI's smplfitter

scipy.optimize.least_squares (MINPACK) gets the residuals of the last stage before the choice, and
their Jacobian by central differences in one batch. Ours gets that stage, one person alone and in a
batch. smplfitter solves a different, easier problem: it is told where every vertex is. It fits the
project's own body, written to a temporary file in SMPL's format. If it is not installed, the line
says so.
"""

import importlib.util
import json
import pickle
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.fit_speed import config_of, people

PEOPLE = 8
TOGETHER = 64
BATCHES = (1, 64, 256)
REPEATS = 3


def seconds(run: Callable[[], object]) -> tuple[float, float]:
    """Median wall and CPU time of some calls."""
    wall, cpu = [], []
    for _ in range(REPEATS):
        begin = time.perf_counter(), time.process_time()
        run()
        wall.append(time.perf_counter() - begin[0])
        cpu.append(time.process_time() - begin[1])
    return statistics.median(wall), statistics.median(cpu)


def by_scipy(preset: str, count: int = PEOPLE, settings: tuple[str, ...] = ()) -> dict:
    """A stage of a preset, solved by scipy and by ours: CPU ms per person, and who ends lower.

    To tell whether both are in one minimum, ours is solved to the end from where fit() stopped.
    """
    import torch

    from benchmarks.scipy_yardstick import ScipyProblem, last_search_stage
    from fitting.solver.levenberg_marquardt import minimize

    torch.set_num_threads(1)
    assets, cases = people(max(count, TOGETHER))
    config = config_of(preset, settings)
    posed = last_search_stage(cases.keypoints, cases.camera, assets, config)
    scipys, alone, apart, same = [], [], [], []
    for row in range(count):
        one, start = posed.row(row)
        begin = time.process_time()
        found = ScipyProblem(one, start).solve()
        scipys.append(time.process_time() - begin)
        begin = time.process_time()
        minimize(one, start, *posed.limits)
        alone.append(time.process_time() - begin)
        ours = posed.ours[[row]]
        apart.append(one.linearize(ours).cost.item() / found.cost - 1)
        same.append(abs(minimize(one, ours, 2000, 1e-10).cost.item() / found.cost - 1) < 1e-3)
    batch = posed.objective.select(torch.arange(TOGETHER)), posed.start[:TOGETHER]
    batched = seconds(lambda: minimize(*batch, *posed.limits))[1] / TOGETHER
    above, same = np.array(apart), np.array(same)
    return {
        "yardstick": "scipy.optimize.least_squares",
        "preset": preset,
        "settings": settings,
        "people": count,
        "scipy_cpu_ms": round(1000 * statistics.median(scipys), 1),
        "ours_alone_cpu_ms": round(1000 * statistics.median(alone), 1),
        f"ours_of_{TOGETHER}_cpu_ms": round(1000 * batched, 2),
        "ratio": round(statistics.median(scipys) / batched),
        "in_one_minimum": int(same.sum()),
        "ours_above_scipy_percent": {
            str(q): round(100 * float(np.quantile(above, q)), 4) for q in (0, 0.5, 0.9, 0.95, 1)
        },
        "above_by_0.1_percent": {
            "in_one_minimum": int((above[same] > 1e-3).sum()),
            "in_another": int((above[~same] > 1e-3).sum()),
            "scipy_in_another": int((above[~same] < -1e-3).sum()),
        },
    }


def by_smplfitter() -> dict:
    """ms per person at some batch sizes, and the error of the vertices it ends with."""
    name = "smplfitter (3-D vertices to parameters)"
    if importlib.util.find_spec("smplfitter") is None:
        return {"yardstick": name, "skipped": "smplfitter is not installed"}
    import torch
    from smplfitter.pt import BodyFitter, BodyModel  # pyright: ignore[reportMissingImports]

    torch.set_num_threads(1)
    assets, cases = people(max(BATCHES))
    with tempfile.TemporaryDirectory() as folder:
        _write_smpl(assets.body, Path(folder))
        fitter = BodyFitter(BodyModel("smpl", "neutral", model_root=folder, num_betas=10))
    targets = torch.as_tensor(assets.body.vertices(cases.params), dtype=torch.float32)
    wall, cpu = {}, {}
    with torch.no_grad():
        for batch in BATCHES:
            taken = seconds(lambda batch=batch: fitter.fit(targets[:batch], num_iter=3))
            wall[batch], cpu[batch] = (round(1000 * t / batch, 2) for t in taken)
        found = fitter.fit(targets[:64], num_iter=3, requested_keys=["pose_rotvecs"])
        names = ("pose_rotvecs", "shape_betas", "trans")
        posed = fitter.body_model(**{name: found[name] for name in names})["vertices"]
    error = (posed - targets[:64]).norm(dim=-1).mean().item()
    return {"yardstick": name, "ms": wall, "cpu_ms": cpu, "pve_mm": round(1000 * error, 2)}


def _write_smpl(body, folder: Path) -> None:
    """The files that smplfitter reads: SMPL's pickle of plain arrays, and no kid template."""
    fields = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights")
    data = {field: np.asarray(getattr(body, field)) for field in fields}
    data["f"], data["kintree_table"] = body.faces, np.stack([body.parents, np.arange(24)])
    with (folder / "basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl").open("wb") as file:
        pickle.dump(data, file)
    np.save(folder / "kid_template.npy", np.zeros_like(body.v_template))


def main() -> None:
    name, *rest = sys.argv[1:]
    settings = tuple(word for word in rest if "=" in word)
    counts = [int(word) for word in rest if "=" not in word]
    if name == "smplfitter":
        print(json.dumps(by_smplfitter()))
    else:
        print(json.dumps(by_scipy(name, *(counts or [PEOPLE]), settings)))


if __name__ == "__main__":
    main()
