"""`executor=ray`: actors on the machines of a Ray cluster fill the cache; the run reads from it.

The machines share the project's folder, the inputs and the cache, under the same paths. What is
lost with an actor or a machine goes to another actor, by the rules of `docket.py`.
"""

import logging
import os
import signal
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from detectors.base import Detector, Resources
from pipeline import interrupts
from pipeline.config import ROOT, Config, ConfigError
from pipeline.executors.docket import Docket
from pipeline.executors.worker import BYTES, Bench, Work, check_workers, sendable
from pipeline.faults import Fault
from pipeline.parcels import parcels_of
from pipeline.stages.detect import Detect, directly
from pipeline.stages.run_stage import unfinished
from pipeline.stages.stage import Job, Stage, Tick, Track

_INSTALL = (
    "executor=ray: Ray is not installed: install it with "
    "'pip install -c constraints.txt \"ray[client]\"' on every machine of the cluster"
)
_PATIENCE = 30.0  # s until it is said that the cluster has no room
_KNOCK = 10.0  # s for a cluster elsewhere to take a connection
_log = logging.getLogger(__name__)


@dataclass
class RayCluster:
    """Brings inputs through all stages on many machines at once.

    Args:
        address: of the cluster: `auto` is the one that this machine belongs to, `local` one that is
            started on this machine for this run; or host:port, or ray://host:port.
        workers: how many actors; `auto`: as many as the cluster has room for when the run begins.
        cpus, gpus: that each of them takes; parts of a GPU, such as 0.25, are possible.
        least: with fewer inputs to compute, it is not worth while to start actors.
    """

    address: str
    workers: str
    cpus: float
    gpus: float
    least: int

    def __post_init__(self) -> None:
        check_workers(self.workers)
        if self.least < 1:
            raise ValueError(f"executor.least: expected 1 or more, got {self.least}")
        if self.cpus <= 0 or self.gpus < 0:
            got = f"{self.cpus} and {self.gpus}"
            raise ValueError(f"executor.cpus, gpus: expected more than 0, and 0 or more, got {got}")

    def fill(
        self, stages: list[Stage], jobs: list[Job], config: Config, track: Track
    ) -> list[Fault]:
        """Compute each job's missing results, so that the run finds them in the cache.

        Returns:
            The inputs that no worker survives; the run must not compute them itself.

        Raises:
            ConfigError: Ray is not installed, or there is no cluster, or it has no room.
            Exception: an error of an actor that is not about one input, such as a full disk.
        """
        missing = unfinished(stages, jobs, config.runtime.cache_dir)
        if len(missing) < self.least:
            return []
        if config.runtime.device.startswith("cuda") and not self.gpus:
            raise ConfigError("executor.gpus: runtime.device=cuda needs e.g. executor.gpus=1")
        ray = _imported()
        parcels = parcels_of(missing)
        with Docket(parcels, config.runtime.cache_dir) as docket, _connected(ray, self.address):
            count = min(self._count(ray.nodes()), len(parcels))
            _Dealer(ray, docket, track, lambda: self._hired(ray, config)).deal(count)
        return docket.faults

    def detecting(
        self, detector: Detector, resources: Resources, frames: int
    ) -> AbstractContextManager[Detect]:
        """The detector itself: the cluster does not share the frames of one video."""
        return directly(detector, resources, frames)

    def _count(self, nodes: list[dict[str, Any]]) -> int:
        """Raises: ConfigError: no node has room for an actor."""
        wanted = {"CPU": self.cpus, "GPU": self.gpus, "memory": BYTES}
        room = sum(
            int(min(node["Resources"].get(name, 0) / n for name, n in wanted.items() if n))
            for node in nodes
            if node["Alive"]
        )
        if self.workers != "auto":
            return int(self.workers)  # the cluster may grow
        if not room:
            needs = f"{self.cpus:g} CPUs, {self.gpus:g} GPUs and {BYTES / 1e9:g} GB of memory"
            raise ConfigError(f"executor.workers: no machine of the cluster has {needs} for one")
        return room

    def _hired(self, ray: Any, config: Config) -> Any:
        """A new actor, and its promise to be ready."""
        options = {"num_cpus": self.cpus, "num_gpus": self.gpus, "memory": BYTES}
        env = {"env_vars": {"PYTHONPATH": str(ROOT)}}
        actor = ray.remote(Actor).options(**options, runtime_env=env, max_restarts=0).remote()
        return actor, actor.begin.remote(config, os.getcwd())


class Actor:
    """A worker of the cluster; it keeps its models."""

    def begin(self, config: Config, folder: str) -> Exception | None:
        """Make ready in the folder that the run was started in; returns what is wrong."""
        try:
            os.chdir(folder)
        except OSError as error:
            why = f"{os.uname().nodename} has no {folder} ({error.strerror})"
            return ConfigError(f"executor=ray: {why}: the machines must share it")
        try:
            self._bench = Bench(config)
        except Exception as error:
            return sendable(error)

    def compute(self, work: Work) -> Exception | Counter[str]:
        """Bring inputs through all stages; returns the frames of each, or what ends the run."""
        frames = Counter[str]()

        def track(title: str, total: int | None) -> Tick:
            return lambda: frames.update([title])

        try:
            self._bench.compute(work, track)
        except Exception as error:
            return sendable(error)
        return frames


class _Dealer:
    """Hands out a docket's work, at most one parcel to an actor at a time."""

    def __init__(
        self, ray: Any, docket: Docket, track: Track, hire: Callable[[], tuple[Any, Any]]
    ) -> None:
        self._ray, self._docket, self._track, self._hire = ray, docket, track, hire
        self._asked: dict[Any, tuple[Any, Work | None]] = {}  # promise -> actor, its work
        self._free: list[Any] = []

    def deal(self, count: int) -> None:
        """Hand out work until none is left, to so many actors."""
        for _ in range(count):
            self._start()
        told = False
        while self._docket or any(work for _, work in self._asked.values()):
            interrupts.check()
            answered, _ = self._ray.wait(list(self._asked), timeout=_PATIENCE)
            if not answered and not told and not any(w for _, w in self._asked.values()):
                told = True
                _log.warning("executor=ray: waiting until the cluster has room for a worker")
            for promise in answered:
                self._heard(promise)
            while self._free and self._docket and (work := self._docket.take()):
                actor = self._free.pop()
                self._asked[actor.compute.remote(work)] = actor, work

    def _start(self) -> None:
        actor, promise = self._hire()
        self._asked[promise] = actor, None

    def _heard(self, promise: Any) -> None:
        actor, work = self._asked.pop(promise)
        try:
            answer = self._ray.get(promise)
        except self._ray.exceptions.RayActorError:
            self._lost(work)
            return
        except self._ray.exceptions.RayError as error:  # e.g. it cannot import this project
            text = str(error).strip().splitlines()[-1]
            raise ConfigError(f"executor=ray: a worker cannot work: {text}") from error
        if isinstance(answer, Exception):
            raise answer
        for title, frames in (answer or {}).items():
            tick = self._track(title, frames)
            for _ in range(frames):
                tick()
        if work:
            self._docket.done(work)
        self._free.append(actor)

    def _lost(self, work: Work | None) -> None:
        how = "has ended, or its machine has"  # Ray cannot always tell
        _log.warning("a worker (an actor of Ray) %s: another one takes over", how)
        self._start()
        if work:
            self._docket.lost(work, how)
        else:
            self._docket.stillborn(how)


def _imported() -> Any:
    """The package; it sends no statistics of its use, and prints nothing of its workers.

    Raises:
        ConfigError: it is not installed.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_DEDUP_LOGS_SKIP_REGEX"] = "."  # else the end of a worker takes ten lines
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise ConfigError(_INSTALL) from error
    return ray


def _knock(address: str) -> None:
    """Raises: OSError: nobody listens there. Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host:
        socket.create_connection((host, int(port)), timeout=_KNOCK).close()


@contextmanager
def _connected(ray: Any, address: str) -> Iterator[None]:
    """Raises: ConfigError: there is no cluster at the address."""
    logging.getLogger("ray").setLevel(logging.ERROR)
    own = {"include_dashboard": False} if address == "local" else {}
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, configure_logging=False, **own)
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        text = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ConfigError(f"executor.address: no cluster at {address}: {text}") from error
    finally:
        for number, handler in before.items():  # Ray's would end the run without a word
            signal.signal(number, handler)
    try:
        yield
    finally:
        with interrupts.held():
            ray.shutdown()
