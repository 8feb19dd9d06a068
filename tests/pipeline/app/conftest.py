"""The page's server in this process, with a run that takes no time."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pipeline.app import uploads
from pipeline.app.jobs import Job
from pipeline.app.server import create_app
from pipeline.app.settings import AppSettings

ADDRESS = "http://127.0.0.1:8000"
SETTINGS = AppSettings(
    port=8000,
    max_files=3,
    max_file_mb=1,
    max_total_mb=2,
    max_frames=30,
    max_jobs=4,
    keep_minutes=60,
)


class Page:
    """A browser at the page, and the mode of the runs that it starts."""

    def __init__(self, client: TestClient, folder: Path) -> None:
        self.client, self.folder, self.mode = client, folder, "well"
        self.limits_after = 0.0  # s

    def open(self) -> str:
        return self.client.post("/jobs").json()["id"]

    def put(self, job: str, name: str = "a.jpg", content: bytes = b"bytes") -> Any:
        return self.client.put(f"/jobs/{job}/files", params={"name": name}, content=content)

    def start(self, job: str, **choices: object) -> Any:
        return self.client.post(f"/jobs/{job}/start", json=choices)

    def started(self, *names: str) -> str:
        job = self.open()
        for name in names or ("a.jpg",):
            assert self.put(job, name).status_code == 201
        assert self.start(job).status_code == 200
        return job

    def told(self, job: str) -> Any:
        return self.client.get(f"/jobs/{job}").json()

    def until(self, job: str, *states: str) -> Any:
        end = time.monotonic() + 20
        while (told := self.told(job))["state"] not in states:
            assert time.monotonic() < end, told
            time.sleep(0.02)
        return told

    def command(self, job: Job) -> list[str]:
        script = str(Path(__file__).with_name("fake_run.py"))
        paths = [str(upload.path) for upload in job.uploads]
        return [sys.executable, "-S", script, self.mode, str(job.outputs), *paths]


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    with serve(tmp_path, monkeypatch, SETTINGS) as served:
        yield served


@contextmanager
def serve(folder: Path, monkeypatch: pytest.MonkeyPatch, settings: AppSettings) -> Iterator[Page]:
    async def fine(path: Path, max_frames: int) -> str:
        return ""

    monkeypatch.setattr(uploads, "look", fine)
    found: list[Page] = []
    app = create_app(folder / "jobs", settings, lambda job: found[0].command(job))
    with TestClient(app, base_url=ADDRESS, headers={"Origin": ADDRESS}) as client:
        found.append(Page(client, folder / "jobs"))
        yield found[0]
