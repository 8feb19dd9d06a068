"""Jobs from the first file to the results: the queue, the run, cancelling, and what is left."""

import asyncio
import io
import os
import time
import zipfile
from pathlib import Path

import pytest

from pipeline.app import child
from pipeline.app.desk import Desk
from pipeline.app.jobs import Choices, RefusedError, State, Upload
from tests.pipeline.app.conftest import SETTINGS, Page


def test_a_job_runs_and_its_files_come_back_under_the_users_names(page: Page) -> None:
    job = page.started("summer.jpg", "Größe & <b>.png")
    told = page.until(job, "done")
    assert told["progress"] == [{"stage": "detect", "done": 2, "total": 2}]
    first, second = told["inputs"]
    assert (first["name"], first["view"], first["status"]) == ("summer.jpg", "1", "fitted")
    assert second["name"] == "Größe & <b>.png"
    assert [link["title"] for link in first["links"]] == ["npz", "picture", "obj"]
    saved = page.client.get(f"/jobs/{job}/out/1.npz?save")
    assert saved.text == "content of 1.npz"
    assert saved.headers["Content-Disposition"] == 'attachment; filename="summer.npz"'
    shown = page.client.get(f"/jobs/{job}/out/index.html")
    assert "Content-Disposition" not in shown.headers
    assert shown.headers["Content-Security-Policy"] == "frame-ancestors 'self'"
    content = page.client.get(f"/jobs/{job}/results.zip").content
    names = set(zipfile.ZipFile(io.BytesIO(content)).namelist())
    assert {"summer.npz", "Größe & <b>.npz", "3-D page/index.html", "3-D page/page/1.js"} <= names


@pytest.mark.parametrize(
    "path",
    [
        "../in/1.jpg",
        "..%2fin%2f1.jpg",
        "%2e%2e/in/1.jpg",
        "/etc/passwd",
        "//etc/passwd",
        "summary",
        "1.npz%00",
        "",
    ],
)
def test_a_path_of_a_browser_is_never_opened(page: Page, path: str) -> None:
    job = page.started()
    page.until(job, "done")
    assert page.client.get(f"/jobs/{job}/out/{path}").status_code == 404


def test_one_job_runs_and_the_others_know_how_many_are_before_them(page: Page) -> None:
    page.mode = "slow"
    first = page.started()
    page.until(first, "running")
    page.mode = "well"
    second, third = page.started(), page.started()
    assert [page.told(job)["before"] for job in (first, second, third)] == [0, 1, 2]
    assert page.told(third)["state"] == "waiting"
    page.client.post(f"/jobs/{second}/cancel")
    assert page.told(second)["state"] == "cancelled"
    assert page.told(third)["before"] == 1
    page.client.post(f"/jobs/{first}/cancel")
    assert page.until(third, "done")
    assert page.told(first)["state"] == "cancelled"


def run_of(page: Page, job: str) -> int:
    """The process that works on a job."""
    path = page.folder / job / "out/pid"
    end = time.monotonic() + 20
    while not (path.is_file() and path.read_text()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return int(path.read_text())


def gone(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("mode", ["slow", "stubborn"])
def test_cancelling_ends_the_process_and_the_server_goes_on(
    page: Page, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "_PATIENCE", 0.2)
    page.mode = mode
    job = page.started()
    number = run_of(page, job)
    assert page.client.post(f"/jobs/{job}/cancel").json()["state"] == "cancelled"
    page.mode = "well"
    page.until(page.started(), "done")
    assert gone(number)


def test_removing_a_job_that_runs_leaves_nothing(page: Page) -> None:
    page.mode = "slow"
    job = page.started()
    number = run_of(page, job)
    assert page.client.delete(f"/jobs/{job}").status_code == 204
    assert page.client.get(f"/jobs/{job}").status_code == 404
    page.mode = "well"
    page.until(page.started(), "done")
    assert gone(number)
    assert not (page.folder / job).exists()


def test_when_the_server_ends_so_does_the_run(page: Page) -> None:
    page.mode = "slow"
    number = run_of(page, page.started())
    page.client.__exit__()
    assert gone(number)


def test_a_crash_and_a_wrong_setting_are_told_and_hurt_nobody(page: Page) -> None:
    page.mode = "crash"
    told = page.until(page.started(), "failed")
    assert "signal 9" in told["message"]
    page.mode = "wrong"
    told = page.until(page.started("my photo.jpg"), "failed")
    assert told["message"] == "data.focal_length: my photo.jpg has none"
    page.mode = "garbled"
    assert "Internal error" in page.until(page.started(), "failed")["message"]
    page.mode = "well"
    page.until(page.started(), "done")


def test_the_reason_of_a_skipped_file_has_no_path_of_ours(page: Page) -> None:
    page.mode = "nobody"
    (entry,) = page.until(page.started("my photo.jpg"), "done")["inputs"]
    assert (entry["status"], entry["reason"]) == ("skipped", "Nobody was found")


def test_a_job_starts_once_and_with_something_to_do(page: Page) -> None:
    job = page.open()
    assert page.start(job).status_code == 400
    page.put(job)
    assert page.start(job, people="some").json()["error"] == "People: expected all or largest."
    assert page.start(job).status_code == 200
    assert page.start(job).status_code == 409
    assert page.put(job).status_code == 409


def test_choices_become_settings() -> None:
    sent = {"people": "largest", "focal_length": " 28 mm", "formats": ["bvh", "glb"]}
    words = ["data.people=largest", "data.focal_length=28mm", "export=[npz,picture,page,glb,bvh]"]
    assert Choices.of(sent).words() == words
    assert Choices.of({}).words() == ["data.people=all", "export=[npz,picture,page]"]
    assert Choices.of({"focal_length": "1800 px"}).focal_length == "1800"


@pytest.mark.parametrize(
    "sent",
    [
        {"focal_length": "1 detector=x"},
        {"focal_length": "${oc.env:HOME}"},
        {"formats": ["release"]},
        {"formats": "glb"},
        {"people": ["all"]},
        {"focal_length": ["1"]},
    ],
)
def test_choices_that_the_page_does_not_offer_are_refused(sent: dict[str, object]) -> None:
    with pytest.raises(RefusedError, match="expected"):
        Choices.of(sent)


def test_old_jobs_go_unless_somebody_waits_for_them(tmp_path: Path) -> None:
    async def story() -> None:
        desk = Desk(tmp_path, SETTINGS, lambda job: [])
        done, waits, fresh = desk.open(), desk.open(), desk.open()
        done.state = State.done
        waits.uploads.append(Upload(1, "a.jpg", waits.inputs / "1.jpg", 1))
        desk.start(waits, Choices())
        for job in (done, waits):
            job.touched -= 60 * SETTINGS.keep_minutes + 1
        desk.forget_old()
        assert not done.folder.exists()
        assert waits.folder.exists()
        assert fresh.folder.exists()

    asyncio.run(story())
