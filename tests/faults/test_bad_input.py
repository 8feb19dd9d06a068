"""Whatever the files hold: a reason or a result, no traceback, no hang, no gigabytes."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from detectors.keypoint_file import KeypointFile
from pipeline.inputs.sources import Files, Photos, Video
from run import NOTHING_FITTED
from tests.faults.bad_files import KEYPOINTS, PHOTOS, write_clip, write_keypoints, write_photo
from tests.faults.forked import Ended, started
from tests.faults.inputs import cheap
from tests.faults.mutated import KINDS
from tests.pipeline.fake_detector import photo

GIGABYTE = 1000  # MB
LIMIT = 30  # s for one file


def run_on(folder: Path, limit: float = LIMIT, **parts: Any) -> tuple[Ended, list[dict[str, Any]]]:
    """A run on folder/in, which must end as documented; and its summary's entries."""
    data = parts.pop("data", Files(str(folder / "in")))
    summary = folder / "output/summary.json"
    summary.unlink(missing_ok=True)
    config = cheap(folder / "in", folder, data=data, **parts)
    ended = started(config, folder / "log.txt").wait(limit)
    assert ended.code in (0, 1, NOTHING_FITTED), ended
    assert "Traceback" not in ended.said
    assert "Warning" not in ended.said, ended.said
    assert ended.memory < GIGABYTE, ended
    if ended.code == 1:
        assert "error: " in ended.said
        return ended, []
    entries = json.loads(summary.read_text(), parse_constant=refuse)["inputs"]
    assert ended.code == (0 if any(e["status"] == "fitted" for e in entries) else NOTHING_FITTED)
    for entry in entries:
        assert entry["status"] == "fitted" or entry["reason"].startswith(entry["source"])
    no_nan(folder / "output")
    return ended, entries


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} in a JSON file")


def no_nan(folder: Path) -> None:
    for path in folder.glob("*.npz"):
        with np.load(path) as archive:
            for name in archive.files:
                array = archive[name]
                assert array.dtype.kind != "f" or np.isfinite(array).all(), (path, name)


def mutants(source: Path, n: int, seed: int) -> list[bytes]:
    """Damaged copies of a file: of every kind in turn."""
    data, rng = source.read_bytes(), np.random.default_rng(seed)
    return [KINDS[i % len(KINDS)](data, rng) for i in range(n)]


def write_mutants(folder: Path, suffix: str, n: int, seed: int) -> None:
    write = write_clip if suffix == "mp4" else write_photo
    source = write(folder.parent / f"whole.{suffix}")
    folder.mkdir(exist_ok=True)
    for number, data in enumerate(mutants(source, n, seed)):
        (folder / f"{suffix}{number:03d}.{suffix}").write_bytes(data)


def test_damaged_pictures_and_clips(tmp_path: Path) -> None:
    for suffix in (*PHOTOS, "mp4"):
        write_mutants(tmp_path / "in", suffix, 4, seed=4)
    ended, entries = run_on(tmp_path, limit=120)
    assert ended.code == 0
    assert len(entries) == 4 * (len(PHOTOS) + 1)
    assert sum(entry["status"] == "skipped" for entry in entries) > 6


@pytest.mark.parametrize("suffix", KEYPOINTS)
def test_damaged_keypoint_files(suffix: str, tmp_path: Path) -> None:
    codes = keypoint_runs(tmp_path, suffix, 4, seed=5)
    assert 1 in codes


def keypoint_runs(folder: Path, suffix: str, n: int, seed: int) -> list[int]:
    (folder / "in").mkdir()
    Pillow.fromarray(photo(90)).save(folder / "in/im0001.png")
    path = write_keypoints(folder / f"im0001.{suffix}")
    detector = KeypointFile(str(path), skeleton="lsp14" if suffix == "json" else "auto")
    assert run_on(folder, detector=detector)[0].code == 0
    codes = []
    for data in mutants(path, n, seed):
        path.write_bytes(data)
        codes.append(run_on(folder, detector=replace(detector))[0].code)
    return codes


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("suffix", [*PHOTOS, "mp4"])
def test_80_damaged_files_one_by_one(
    suffix: str, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    write_mutants(tmp_path / "all", suffix, 80, seed=6)
    ends = []
    for path in sorted((tmp_path / "all").iterdir()):
        kind = Video if suffix == "mp4" else Photos
        ends.append(run_on(tmp_path, data=kind(str(path)))[0])
    codes = [end.code for end in ends]
    worst = f"{max(e.seconds for e in ends):.1f} s, {max(e.memory for e in ends):.0f} MB"
    tell(f"{codes.count(0)} of 80 still give a picture; the worst took {worst}")


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("suffix", KEYPOINTS)
def test_80_damaged_keypoint_files(
    suffix: str, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    codes = keypoint_runs(tmp_path, suffix, 80, seed=7)
    tell(f"{codes.count(0)} of 80 are read, {codes.count(1)} refused, {codes.count(2)} pass over")


def test_every_bad_input(shared: Path, tmp_path: Path) -> None:
    """The real ones: those that are refused, by reason, and those that are odd but sound."""
    (tmp_path / "in").mkdir()
    for path in (shared / "bad_inputs").iterdir():
        (tmp_path / "in" / path.name).symlink_to(path)
    _, entries = run_on(tmp_path, limit=120)
    reasons = {Path(e["source"]).name: e.get("reason", "") for e in entries}
    expected = {
        "bomb_30000x30000_1bit.png": "is too large",
        "cmyk.jpg": "",
        "animated.gif": "",
        "garbage.mp4": "not a video",
        "gray16.png": "",
        "header_only.jpg": "damaged or cut short",
        "one_pixel.png": "no person found",
        "text.jpg": "not a picture",
        "truncated.jpg": "damaged or cut short",
        "zero_bytes.jpg": "the file is empty",
        "zero_bytes.mp4": "the file is empty",
        "all_black.jpg": "no person found",
    }
    assert reasons.keys() == expected.keys()
    for name, reason in expected.items():
        assert (reason in reasons[name]) if reason else not reasons[name], (name, reasons[name])


NAMES = (
    "a b  c.png",
    "-rf.png",
    "--help.png",
    "new\nline.png",
    "tab\t.png",
    "ünï ☃ 人.png",
    "\x1b[2J\x1b[31mred.png",
    "'; rm -rf $HOME; '.png",
    "a=b,c{d}.png",
    "$(touch x).png",
    "[bold]x.png",
    "a..png",
    " .png",
    "NUL.png",
    os.fsdecode(b"\xff\xfe.png"),
    "x" * 251 + ".png",
)


def test_names_that_a_file_can_have(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number, name in enumerate(NAMES):
        Pillow.fromarray(photo(50 + number)).save(tmp_path / "in" / name, "PNG")
    (tmp_path / "in/\x1b[31mtext\n.png").write_text("no picture")
    ended, entries = run_on(tmp_path, limit=120)
    fitted = [e for e in entries if e["status"] == "fitted"]
    assert (len(fitted), len(entries)) == (len(NAMES), len(NAMES) + 1)
    assert "\x1b" not in ended.said, "names do not steer the terminal"
    assert len({e["name"] for e in entries}) == len(entries)
    for entry in fitted:
        for file in entry["files"].values():
            assert (tmp_path / "output" / file).is_file()
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "cache",
        "in",
        "log.txt",
        "output",
        "weights",
    ]


@pytest.mark.parametrize("name", [name for name in NAMES if "/" not in name])
def test_a_single_file_of_any_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    Pillow.fromarray(photo(50)).save(path, "PNG")
    clips, skipped = Photos(str(path)).clips()
    assert (len(clips), skipped) == (1, [])


def test_what_is_no_file(tmp_path: Path) -> None:
    """Links in a circle, a pipe that nobody writes to, a device that never ends."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.png").symlink_to("b.png")
    (folder / "b.png").symlink_to("a.png")
    (folder / "self").symlink_to(".")
    (folder / "up.png").symlink_to("..")
    os.mkfifo(folder / "pipe.jpg")
    os.mkfifo(folder / "pipe.mp4")
    (folder / "zero.jpg").symlink_to("/dev/zero")
    (folder / "full.mp4").symlink_to("/dev/full")
    Pillow.fromarray(photo(80)).save(folder / "good.png")
    ended, entries = run_on(tmp_path, data=Photos(str(folder)))
    assert ended.code == 0
    reasons = {Path(e["source"]).name: e.get("reason", "") for e in entries}
    assert "Too many levels of symbolic links" in reasons["a.png"]
    assert "a folder" in reasons["up.png"]
    assert all("a pipe or device" in reasons[name] for name in ("pipe.jpg", "zero.jpg"))
    ended, _ = run_on(tmp_path, data=Video(str(folder / "*.mp4")))
    assert ended.code == NOTHING_FITTED
    for option in ("output_dir", "cache_dir"):
        config = cheap(folder, tmp_path / "loop", data=Photos(str(folder / "good.png")))
        setattr(config.runtime, option, str(folder / "a.png"))
        ended = started(config, tmp_path / "log.txt").wait(LIMIT)
        assert ended.code == 1
        assert "error: " in ended.said


def test_the_same_file_many_times(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Pillow.fromarray(photo(70)).save(tmp_path / "in/a.png")
    os.link(tmp_path / "in/a.png", tmp_path / "in/hard.png")
    (tmp_path / "in/soft.png").symlink_to("a.png")
    (tmp_path / "in/A.PNG").write_bytes((tmp_path / "in/a.png").read_bytes())
    _, entries = run_on(tmp_path)
    assert [e["status"] for e in entries] == ["fitted"] * 4
    assert len({file for e in entries for file in e["files"].values()}) == 8


def test_10_000_files_in_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(10_000):
        (folder / f"{number}.{'txt' if number % 50 else 'jpg'}").touch()
    Pillow.fromarray(photo(70)).save(folder / "7.png")
    ended, entries = run_on(tmp_path)
    assert ended.code == 0
    assert len(entries) == 201


@pytest.mark.parametrize("size", [(1, 1), (20_000, 3), (3, 20_000), (1, 300)])
@pytest.mark.parametrize("mode", ["RGB", "LA"])
def test_odd_sizes(size: tuple[int, int], mode: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Pillow.new(mode, size, 128 if mode == "LA" else "gray").save(tmp_path / "in/odd.png")
    _, entries = run_on(tmp_path)
    assert len(entries) == 1
