"""Photos, videos and animations in one run and in one folder; jobs of a multirun apart."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image as Pillow

from pipeline import pipeline
from pipeline.command_line import job_folder
from pipeline.inputs.clips import NoClipsError
from pipeline.inputs.sources import Files
from pipeline.inputs.videos import write_video
from tests.conftest import ROOT
from tests.faults.inputs import cheap
from tests.pipeline.fake_detector import photo
from tests.pipeline.runs import FAKE

SHADES = (60, 80, 100)


def holiday(folder: Path) -> None:
    """A folder as a phone fills it: photos, a video, animations, and what is neither."""
    folder.mkdir(parents=True)
    Pillow.fromarray(photo(90)).save(folder / "IMG_1 (2).jpg")
    Pillow.fromarray(photo(120)).save(folder / "IMG_2.webp")
    frames = [Pillow.fromarray(photo(shade)) for shade in SHADES]
    for name in ("waves.gif", "waves.webp", "waves.png"):
        frames[0].save(folder / name, save_all=True, append_images=frames[1:], duration=80)
    frames[0].save(folder / "still.gif")
    write_video(folder / "VID 1.mp4", map(photo, SHADES), fps=5)
    (folder / "IMG_3.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    (folder / "Thumbs.db").write_bytes(b"x")


def test_a_folder_of_both_is_one_run(tmp_path: Path) -> None:
    holiday(tmp_path / "in")
    (tmp_path / "b").mkdir()
    Pillow.fromarray(photo(70)).save(tmp_path / "b/last.bmp")
    data = Files([str(tmp_path / "in"), str(tmp_path / "b/last.bmp"), str(tmp_path / "b/gone.jpg")])
    summary = pipeline.run(cheap(tmp_path, tmp_path, "render=none", data=data))
    frames = {
        Path(e["source"]).name: e["people"][0]["frames"]
        for e in summary["inputs"]
        if e["status"] == "fitted"
    }
    assert frames == {
        "IMG_1 (2).jpg": 1,
        "IMG_2.webp": 1,
        "still.gif": 1,
        "VID 1.mp4": 3,
        "waves.gif": 3,
        "waves.png": 3,
        "waves.webp": 3,
        "last.bmp": 1,
    }
    assert list(frames)[-1] == "last.bmp", "in the order they were given"
    reasons = {Path(e["source"]).name: e.get("reason", "") for e in summary["inputs"]}
    assert reasons["IMG_3.HEIC"].endswith(".heic files are not read: convert it to JPEG")
    assert reasons["gone.jpg"].startswith("nothing is at ")


def test_results_of_an_earlier_run_are_not_taken_for_inputs(tmp_path: Path) -> None:
    """As with `run.py *` where outputs/ is."""
    for name in ("new.jpg", "output/old.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Pillow.fromarray(photo(70)).save(tmp_path / name)
    data = Files([str(tmp_path / "new.jpg"), str(tmp_path / "output")])
    summary = pipeline.run(cheap(tmp_path, tmp_path, "render=none", data=data))
    reasons = {e["name"]: e.get("reason", "") for e in summary["inputs"]}
    assert reasons["new"] == ""
    assert "is in the output folder" in reasons["old.jpg"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("notes.txt", b"buy milk", "neither a picture nor a video"),
        ("renamed.jpg", b"\0\0\0\x18ftypheic\0\0\0\0", r"HEIC or AVIF.* not read: convert it"),
        ("", b"", "nothing is at the empty name"),
    ],
)
def test_what_is_no_input_is_named(name: str, content: bytes, reason: str, tmp_path: Path) -> None:
    path = str(tmp_path / name) if name else ""
    if name:
        Path(path).write_bytes(content)
    with pytest.raises(NoClipsError, match=rf"^data\.path: .*{reason}"):
        Files(path).clips()


def test_contents_count_more_than_suffixes(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.mp4", map(photo, SHADES), fps=5)
    (tmp_path / "clip.mp4").rename(tmp_path / "clip.jpg")
    Pillow.fromarray(photo(90)).save(tmp_path / "photo.mp4", format="PNG")
    kinds = {clip.path.name: bool(clip.video) for clip in Files(str(tmp_path)).clips()[0]}
    assert kinds == {"clip.jpg": True, "photo.mp4": False}


def test_an_input_given_twice_is_one(tmp_path: Path) -> None:
    Pillow.fromarray(photo(90)).save(tmp_path / "a.png")
    paths = [str(tmp_path / "a.png"), str(tmp_path), f"{tmp_path}/*.png"]
    assert len(Files(paths).clips()[0]) == 1


def started(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    places = [f"runtime.{n}_dir={folder / n}" for n in ("cache", "output", "weights")]
    command = [sys.executable, str(ROOT / "run.py"), *FAKE, *places, *words]
    return subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_jobs_of_a_multirun_have_folders_of_their_own(tmp_path: Path) -> None:
    """And one that fails ends no other."""
    (tmp_path / "in (1)").mkdir()
    Pillow.fromarray(photo(0)).save(tmp_path / "in (1)/a,b.png")  # nobody: quick
    done = started(
        tmp_path, "in (1)/a,b.png", "-m", "render.opacity=7,0.5", "render=none", "export=npz"
    )
    output = tmp_path / "output"
    written = {path.name: [file.name for file in path.iterdir()] for path in output.glob("*/")}
    assert written == {"1_render.opacity=0.5": ["summary.json"]}, done.stderr
    assert "error: render.opacity: expected 0..1, got 7" in done.stderr
    assert done.returncode == 1
    for name in written:
        assert f"Results in {output / name}" in done.stderr
        summary = json.loads((output / name / "summary.json").read_text())
        assert summary["inputs"][0]["source"] == "in (1)/a,b.png"
    assert not (tmp_path / "multirun").exists()


def test_names_of_jobs_are_safe() -> None:
    words = ["-m", "fit=a,b", "models.bodies='x/y z',w", "data.path='a'"]
    task = ["fit=a", "models.bodies='x/y z'", "data.path='a'"]
    assert job_folder(12, task, words) == "12_fit=a,models.bodies=_x_y_z"
    assert len(job_folder(0, ["fit=" + "x" * 300], words)) == 100
    assert job_folder(3, ["data.path='a'"], words) == "3"
