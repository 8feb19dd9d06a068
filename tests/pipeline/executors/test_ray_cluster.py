"""Actors on a Ray cluster give what one process does; a lost one, or machine, costs nothing."""

import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from detectors.base import Detections, Resources
from pipeline import interrupts, parcels, pipeline
from pipeline.config import Config, ConfigError
from tests.conftest import ROOT
from tests.pipeline.fake_detector import FakeDetector, photo
from tests.pipeline.runs import config

# Ray leaves files and sockets of its own open.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
NAMES = "abcdefghijkl"


@dataclass
class Murdered(FakeDetector):
    """Kills the actor that sees clip c, so many times; at clip i it asks for the end of its node,
    once."""

    times: int = 0

    def detect(self, frames: Any, resources: Resources, clip_name: str) -> Detections:
        resources.weights_dir.mkdir(exist_ok=True)
        if Path(sys.argv[0]).name == "default_worker.py":  # an actor, not the run
            deaths = resources.weights_dir / "deaths.txt"
            before = len(deaths.read_bytes()) if deaths.exists() else 0
            if clip_name == "c.png" and before < self.times:
                deaths.write_bytes(bytes(before + 1))
                os.kill(os.getpid(), signal.SIGKILL)
            if clip_name == "i.png" and not (resources.weights_dir / "node.txt").exists():
                import ray

                node = ray.get_runtime_context().get_node_id()
                (resources.weights_dir / "node.txt").write_text(node)
                time.sleep(120)
        return super().detect(frames, resources, clip_name)


def prepared(folder: Path, *overrides: str, detector: Any = None) -> Config:
    (folder / "in").mkdir(exist_ok=True, parents=True)
    for number, name in enumerate(NAMES):
        Pillow.fromarray(photo(60 + 10 * number)).save(folder / f"in/{name}.png")
    result = config(folder, "render=none", *overrides)
    result.detector = detector or result.detector
    return result


def arrays_of(folder: Path) -> dict[str, bytes]:
    found = {}
    for path in sorted((folder / "output").glob("*.npz")):
        with np.load(path, allow_pickle=False) as archive:
            found |= {f"{path.name} {k}": archive[k].tobytes() for k in archive if k != "source"}
    return found


@pytest.fixture(autouse=True)
def small_parcels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parcels, "PARCEL", 2)


def test_without_ray_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError) as caught:
        pipeline.run(prepared(tmp_path, "executor=ray"))
    assert str(caught.value) == (
        "executor=ray: Ray is not installed: install it with "
        "'pip install -c constraints.txt \"ray[client]\"' on every machine of the cluster"
    )
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("executor.workers=x", r"executor\.workers: expected auto or 1 or more, got 'x'"),
        ("executor.least=0", r"executor\.least: expected 1 or more, got 0"),
        ("executor.cpus=0", r"executor\.cpus, gpus: expected more than 0, and 0 or more, got 0"),
        ("executor.gpus=-1", r"executor\.cpus, gpus: .*, got 1\.0 and -1"),
    ],
)
def test_settings_that_cannot_be(setting: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        prepared(tmp_path, "executor=ray", setting)


def test_a_gpu_has_to_be_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "check_device", lambda _: None)
    with pytest.raises(ConfigError, match=r"executor\.gpus: runtime\.device=cuda needs e\.g\. exe"):
        pipeline.run(prepared(tmp_path, "executor=ray", "runtime.device=cuda"))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without CPUs and two nodes with one each, which are processes of this machine."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install -c constraints.txt ray")
    from ray.cluster_utils import Cluster

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        head = {"num_cpus": 0, "ray_client_server_port": free.getsockname()[1]}
    nodes = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(2):
        nodes.add_node(num_cpus=1)
    yield nodes
    nodes.shutdown()


def end_node_of(cluster: Any, asked: Path) -> threading.Thread:
    """End the node, with all of its processes, that a detector names in a file."""

    def watch() -> None:
        while not asked.exists() or not asked.read_text():
            time.sleep(0.05)
        (node,) = (n for n in cluster.worker_nodes if n.node_id == asked.read_text())
        cluster.remove_node(node, allow_graceful=False)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


@pytest.mark.slow
def test_a_killed_worker_and_a_lost_node_cost_nothing(
    cluster: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    detector = Murdered(path="x", times=1)
    assert pipeline.run(prepared(here, "executor=here", detector=detector))["fitted"] == 12
    how = ("executor=ray", f"executor.address={cluster.address}")
    watching = end_node_of(cluster, there / "weights/node.txt")
    with caplog.at_level(logging.WARNING):
        summary = pipeline.run(prepared(there, *how, detector=detector))
    watching.join(10)
    cluster.add_node(num_cpus=1)
    assert not watching.is_alive()
    assert (summary["fitted"], summary["failed"]) == (12, 0)
    lost = "a worker (an actor of Ray) has ended, or its machine has: another one takes over"
    assert caplog.text.count(lost) == 2
    assert all(all(entry["cached"].values()) for entry in summary["inputs"])
    assert arrays_of(there) == arrays_of(here)


@pytest.mark.slow
def test_an_input_that_no_actor_survives_is_named(cluster: Any, tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/node.txt").touch()
    how = ("executor=ray", f"executor.address={cluster.address}")
    summary = pipeline.run(prepared(tmp_path, *how, detector=Murdered(path="x", times=99)))
    assert (summary["fitted"], summary["failed"]) == (11, 1)
    (failed,) = [entry for entry in summary["inputs"] if entry["status"] == "failed"]
    assert "c.png: 2 workers that computed it are lost, the last one has" in failed["reason"]
    assert len((tmp_path / "weights/deaths.txt").read_bytes()) == 4


@pytest.mark.slow
def test_a_wrong_setting_found_by_an_actor_ends_the_run(cluster: Any, tmp_path: Path) -> None:
    how = ("executor=ray", f"executor.address={cluster.address}")
    with pytest.raises(ConfigError, match="could not download"):
        pipeline.run(prepared(tmp_path, *how, detector=FakeDetector(path="x", broken=True)))


@pytest.mark.slow
def test_no_cluster_and_no_room(cluster: Any, tmp_path: Path) -> None:
    how = ("executor=ray", f"executor.address={cluster.address}")
    with pytest.raises(ConfigError, match=r"no machine of the cluster has 9 CPUs, 0 GPUs and 2 GB"):
        pipeline.run(prepared(tmp_path, *how, "executor.cpus=9"))
    with pytest.raises(ConfigError, match=r"executor\.address: no cluster at 127\.0\.0\.1:1: "):
        pipeline.run(prepared(tmp_path, "executor=ray", "executor.address=127.0.0.1:1"))


@pytest.mark.slow
def test_a_client_elsewhere(cluster: Any, tmp_path: Path) -> None:
    """ray:// is another protocol, through a server of the head."""
    port = cluster.head_node._ray_params.ray_client_server_port
    how = ("executor=ray", f"executor.address=ray://127.0.0.1:{port}")
    summary = pipeline.run(prepared(tmp_path, *how))
    assert summary["fitted"] == 12
    assert all(all(entry["cached"].values()) for entry in summary["inputs"])


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_signals_end_the_run_and_its_own_cluster(number: signal.Signals, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install -c constraints.txt ray")
    places = [f"runtime.{n}_dir={tmp_path / n}" for n in ("cache", "output", "weights")]
    words = ["data=synthetic", "data.n=400", "executor=ray", "executor.address=local", *places]
    run = subprocess.Popen(
        [sys.executable, "run.py", *words], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    while not list((tmp_path / "cache").glob("detect/*.npz")):
        assert run.poll() is None, run.communicate()
        time.sleep(0.1)
    assert rays_of(run.pid)
    run.send_signal(number)
    _, said = run.communicate(timeout=60)
    if number != signal.SIGKILL:
        assert run.returncode == 128 + number, said
        assert said.strip().splitlines()[-1].endswith(interrupts.KEPT)
        assert "Traceback" not in said
    end = time.monotonic() + 60
    while left := rays_of(run.pid):
        assert time.monotonic() < end, left
        time.sleep(0.2)


def rays_of(pid: int) -> list[str]:
    """Command lines of the processes of the cluster that a process has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            line = path.read_bytes().decode(errors="replace").replace("\0", " ")
            if re.search(rf"/session_[\d_-]+_{pid}/", line):
                found.append(line)
    return found
