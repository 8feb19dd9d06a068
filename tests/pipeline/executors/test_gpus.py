"""One worker per GPU, each of which sees its own; torch is told that there are some."""

import os
from dataclasses import replace
from multiprocessing.connection import Connection

import pytest

from pipeline.executors.crew import Crew
from pipeline.executors.gpus import gpus_of
from pipeline.executors.processes import Processes


def tells(pipe: Connection) -> None:
    """Send what this process sees, and wait for the end."""
    pipe.send((os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES")))
    pipe.recv()


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_which_gpus_there_are(three: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert gpus_of("cpu") == gpus_of("cuda:1") == []
    assert gpus_of("cuda") == ["0", "1", "2"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4, GPU-a1,7")
    assert gpus_of("cuda") == ["4", "GPU-a1", "7"]


def test_auto_is_one_worker_per_gpu(three: None) -> None:
    auto = Processes("auto", 1, 1)
    assert auto._count("cuda", gpus_of("cuda")) == 3
    assert auto._count("cuda:1", gpus_of("cuda:1")) == 1
    assert replace(auto, workers="5")._count("cuda", gpus_of("cuda")) == 5


def test_each_worker_sees_its_gpu_and_so_does_who_replaces_it(three: None) -> None:
    with Crew(3, tells, gpus=gpus_of("cuda")) as crew:
        seen = {pipe: pipe.recv() for pipe in crew.pipes}
        assert sorted(gpu for _, gpu in seen.values()) == ["0", "1", "2"]
        lost, (pid, gpu) = list(seen.items())[1]
        os.kill(pid, 9)
        assert crew.lost(lost) == "was ended by signal 9"
        (other,) = set(crew.pipes) - set(seen)
        assert other.recv()[1] == gpu
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_without_gpus_workers_see_what_the_run_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "6")
    with Crew(1, tells) as crew:
        assert [pipe.recv()[1] for pipe in crew.pipes] == ["6"]
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "6"
