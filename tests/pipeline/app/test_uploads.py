"""What may be uploaded, under which names it lies on disk, and what is refused in which words."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from pipeline.app import child
from pipeline.app.jobs import shown_name
from pipeline.app.look import problem_of
from pipeline.inputs.videos import write_video
from tests.pipeline.app.conftest import SETTINGS, Page, serve

HOSTILE = (
    "../../etc/passwd.jpg",
    "/etc/cron.d/x.jpg",
    "..\\..\\x.jpg",
    "a/../../b.jpg",
    ".bashrc.jpg",
    "<img src=x onerror=alert(1)>.jpg",
    "a\nb\x1b[31m.jpg",
    "x" * 5000 + ".jpg",
    "-rf.jpg",
    "~.jpg",
    "${oc.env:HOME}.jpg",
    "a=b,[c].jpg",
    "\u202egpj.exe.jpg",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_of_a_browser_reaches_the_disk(page: Page, name: str) -> None:
    job = page.open()
    answer = page.put(job, name)
    assert answer.status_code == 201
    shown = answer.json()["name"]
    assert len(shown) <= 120
    assert "/" not in shown
    assert "\\" not in shown
    assert shown.isprintable()
    files = [path for path in page.folder.rglob("*") if path.is_file()]
    assert files == [page.folder / job / "in/1.jpg"]


def test_names_are_shown_as_they_are_where_they_can_be() -> None:
    assert shown_name("Ferien am Meer (1).JPG") == "Ferien am Meer (1).JPG"
    assert shown_name("写真.png") == "写真.png"
    assert shown_name("C:\\fakepath\\a.png") == "a.png"
    assert shown_name("..") == shown_name("") == shown_name("\n/") == "file"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.heic", "convert it to JPEG"),
        ("a.exe", "neither a photo nor a clip"),
        ("jpg", "neither a photo nor a clip"),
        ("a.npz", "neither a photo nor a clip"),
    ],
)
def test_other_kinds_of_files_are_refused_in_words(page: Page, name: str, words: str) -> None:
    job = page.open()
    answer = page.put(job, name)
    assert answer.status_code == 415
    assert words in answer.json()["error"]
    assert page.told(job)["inputs"] == []


def test_a_file_may_have_so_many_bytes_and_no_more(page: Page) -> None:
    job = page.open()
    assert page.put(job, content=bytes(1_000_000)).status_code == 201
    answer = page.put(job, content=bytes(1_000_001))
    assert (answer.status_code, answer.json()["error"]) == (
        413,
        "Too large: at most 1 MB a file and 2 MB a job.",
    )
    assert page.put(job, content=bytes(1_000_000)).status_code == 201
    assert page.put(job, content=b"x").status_code == 413, "2 MB are full"


def test_the_limit_counts_bytes_that_come_and_not_what_is_claimed(page: Page) -> None:
    job = page.open()

    def chunks() -> Iterator[bytes]:  # sent without a content-length
        for _ in range(30):
            yield bytes(100_000)

    answer = page.client.put(f"/jobs/{job}/files?name=a.jpg", content=chunks())
    assert answer.status_code == 413
    assert list((page.folder / job / "in").iterdir()) == []


def test_so_many_files_go_into_a_job_and_removed_ones_do_not_count(page: Page) -> None:
    job = page.open()
    numbers = [page.put(job).json()["number"] for _ in range(3)]
    assert numbers == [1, 2, 3]
    assert page.put(job).status_code == 413
    assert page.client.delete(f"/jobs/{job}/files/2").status_code == 204
    assert not (page.folder / job / "in/2.jpg").exists()
    assert page.put(job).json()["number"] == 4


def test_an_empty_file_and_an_unknown_job_are_refused(page: Page) -> None:
    assert page.put(page.open(), content=b"").json()["error"] == "The file is empty."
    assert page.put("0" * 32).status_code == 404
    assert page.put("../x").status_code in (404, 405)


def test_only_so_many_jobs_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(tmp_path, monkeypatch, replace(SETTINGS, max_jobs=2)) as page:
        first = page.started()
        page.until(first, "done")
        page.open()
        page.open()  # the first has ended and makes room
        assert page.client.get(f"/jobs/{first}").status_code == 404
        assert page.client.post("/jobs").status_code == 503


def test_a_look_says_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    Pillow.new("RGB", (40, 30)).save(tmp_path / "fine.jpg")
    (tmp_path / "text.jpg").write_text("no picture")
    write_video(tmp_path / "clip.mp4", [np.zeros((64, 64, 3), np.uint8)] * 12, 6)
    (tmp_path / "text.mp4").write_text("no video")
    assert problem_of(tmp_path / "fine.jpg", 10) == ""
    assert "not a picture" in problem_of(tmp_path / "text.jpg", 10)
    assert problem_of(tmp_path / "clip.mp4", 12) == ""
    assert problem_of(tmp_path / "clip.mp4", 11).startswith(
        "the clip has 12 frames (2 s), and at most 11 are taken: cut it shorter"
    )
    assert str(tmp_path) not in problem_of(tmp_path / "text.mp4", 10)
    assert problem_of(tmp_path / "text.mp4", 10)


def test_a_look_is_a_process_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    assert "not a picture" in asyncio.run(child.look(tmp_path / "text.jpg", 10))
    Pillow.new("RGB", (40, 30)).save(tmp_path / "fine.png")
    assert asyncio.run(child.look(tmp_path / "fine.png", 10)) == ""
