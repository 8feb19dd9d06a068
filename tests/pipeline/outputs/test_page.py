"""The page of a run: what is in it, and that nothing in a name becomes part of it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from pipeline import pipeline
from pipeline.outputs.page.three_js import three_js
from tests.pipeline.fake_detector import photo
from tests.pipeline.runs import config

NASTY = "<script>alert('x')</script>&amp; é"


def run_on(folder: Path, *overrides: str) -> dict[str, Any]:
    return pipeline.run(config(folder, "export=[npz,picture,page]", *overrides))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    (folder / "in").mkdir()
    Pillow.fromarray(photo(90)).save(folder / "in/a b.jpg")
    (folder / "in" / f"{NASTY.replace('/', '-')}.jpg").write_text("no picture")
    run_on(folder)
    return folder


def told(page: Path) -> dict[str, Any]:
    """What the page's script knows of the run."""
    (line,) = re.findall(r"^const RUN = (.*);$", page.read_text(), re.MULTILINE)
    return json.loads(line)


def test_the_gallery_lists_what_was_fitted_and_what_was_not(ran: Path) -> None:
    run = told(ran / "output/index.html")
    (entry,) = run["inputs"]
    assert entry["name"] == "a_b"
    assert entry["picture"] == "a_b.jpg"
    assert entry["view"] == "page/a_b.js"
    assert entry["people"][0]["expected_error_mm"] > 0
    assert "not a picture" in run["skipped"][0]
    assert "1 person in 1 input, 1 skipped" in run["counts"]
    assert "reference_torso" in run["settings"]
    assert run["versions"]["numpy"].startswith("1.")


def test_a_name_is_text(ran: Path) -> None:
    text = (ran / "output/index.html").read_text()
    assert "<script>alert" not in text
    assert "alert('x')" in told(ran / "output/index.html")["skipped"][0]


def test_the_view_holds_body_photo_and_camera(ran: Path) -> None:
    script = (ran / "output/page/a_b.js").read_text()
    view = json.loads(script.split('VIEWS["a_b"] = ', 1)[1].rstrip(";\n"))
    assert view["image_size"] == [96, 128]
    assert view["focal_length"] == pytest.approx(160)
    assert view["backdrop"].startswith("data:image/jpeg;base64,")
    assert view["people"][0]["track"] == 0
    assert view["n_frames"] == 1


def test_a_second_run_leaves_views_alone(ran: Path) -> None:
    path = ran / "output/page/a_b.js"
    before = path.stat().st_mtime_ns
    summary = run_on(ran)
    assert all(entry["cached"]["glb"] for entry in summary["inputs"] if "cached" in entry)
    assert path.stat().st_mtime_ns == before


def test_one_file_has_everything_in_it(ran: Path, tmp_path: Path) -> None:
    run_on(ran, "export.page.single=true", f"runtime.output_dir={tmp_path}")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a_b.jpg",
        "a_b.npz",
        "index.html",
        "summary.json",
    ]
    text = (tmp_path / "index.html").read_text()
    assert 'VIEWS["a_b"]' in text
    assert "THREE.GLTFLoader=GLTFLoader" in text
    assert told(tmp_path / "index.html")["inputs"][0]["picture"].startswith("data:image/jpeg")


def test_three_js_is_cut_where_the_loader_ends() -> None:
    assert three_js().rstrip().endswith("THREE.GLTFLoader=GLTFLoader;})();")
    assert "B64GLTF" not in three_js()
