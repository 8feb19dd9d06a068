"""The page in a real browser: opened from disk, without a server and without a network."""

import base64
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from fitting import BodyModel, BodyParams
from pipeline import pipeline
from pipeline.drawing.mesh_renderer import View, render
from pipeline.drawing.rasterizers import Backend
from pipeline.inputs.videos import write_video
from pipeline.stages.draw import meshes_of
from tests.pipeline.fake_detector import HEIGHT, WIDTH, photo
from tests.pipeline.runs import config

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver (CONTRIBUTING.md)"
)
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu-sandbox",
    "--no-first-run",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--window-size=900,700",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo and a clip in which the person is found in every frame."""
    folder = tmp_path_factory.mktemp("browser")
    (folder / "in").mkdir()
    Pillow.fromarray(photo(90)).save(folder / "in/a.jpg")
    pipeline.run(config(folder, "export=[npz,page]"))
    write_video(folder / "walk.mp4", [photo(60 + 20 * i) for i in range(5)], 10)
    moved = ["data=video", f"data.path={folder / 'walk.mp4'}", "export=[npz,page]"]
    pipeline.run(config(folder, *moved, f"runtime.output_dir={folder / 'clip'}"))
    return folder


def opened(browser: Any, page: Path, name: str) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(page.as_uri())
    browser.execute_script("location.hash = 'view=' + arguments[0]", name)
    ready = "return Boolean(window.VIEWER && VIEWER.state().ready)"
    WebDriverWait(browser, 30).until(lambda b: b.execute_script(ready))


def outline(browser: Any) -> np.ndarray:
    """Where a body is drawn, in the pixels of the photo."""
    script = """
        const canvas = document.querySelector('#stage canvas');
        const box = document.getElementById('backdrop').getBoundingClientRect();
        return [canvas.toDataURL(), box.left, box.top, box.width, box.height,
                canvas.width / window.innerWidth];
    """
    url, left, top, width, height, scale = browser.execute_script(script)
    picture = Pillow.open(io.BytesIO(base64.b64decode(url.split(",", 1)[1])))
    box = [scale * side for side in (left, top, left + width, top + height)]
    size = (8 * WIDTH, 8 * HEIGHT)
    return np.asarray(picture.resize(size, box=tuple(box)))[..., 3] > 127


def errors(browser: Any) -> list[str]:
    return [line["message"] for line in browser.get_log("browser") if line["level"] == "SEVERE"]


def test_the_first_view_is_the_picture(browser: Any, ran: Path, body: BodyModel) -> None:
    opened(browser, ran / "output/index.html", "a")
    seen = outline(browser)
    with np.load(ran / "output/a.npz") as fit:
        params = {n: fit[n] for n in ("betas", "global_orient", "body_pose", "transl")}
        focal, center = float(fit["focal_length"][0]), fit["center"][0]
    size = (8 * WIDTH, 8 * HEIGHT)
    view = View(8 * focal, tuple((8 * (center + 0.5) - 0.5).tolist()), size)
    meshes = meshes_of(body, BodyParams(**params), np.zeros(1, int))
    truth = render(meshes, view, Backend.raycast).mask
    assert truth.mean() > 0.03
    assert (seen & truth).sum() / (seen | truth).sum() >= 0.95
    assert errors(browser) == []


def test_turning_leaves_the_photo_and_p_returns_to_it(browser: Any, ran: Path) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    opened(browser, ran / "output/index.html", "a")
    first = outline(browser)
    stage = browser.find_element("id", "stage")
    ActionChains(browser).drag_and_drop_by_offset(stage, 120, 0).perform()
    assert not browser.execute_script("return VIEWER.state().photo")
    assert browser.execute_script("return document.getElementById('backdrop').style.opacity") == "0"
    turned = outline(browser)
    assert (first & turned).sum() / (first | turned).sum() < 0.9
    ActionChains(browser).send_keys("p").perform()
    assert browser.execute_script("return VIEWER.state().photo")
    assert (outline(browser) == first).all()
    assert errors(browser) == []


def test_scrubbing_shows_another_frame(browser: Any, ran: Path) -> None:
    opened(browser, ran / "clip/index.html", "walk")
    browser.execute_script("VIEWER.show(3)")
    assert browser.execute_script("return document.getElementById('frame').value") == "4 / 5"
    assert outline(browser).any()
    time = browser.execute_script("return document.querySelector('#backdrop video').currentTime")
    assert time == pytest.approx(0.35, abs=0.01)
    assert errors(browser) == []


def test_escape_goes_back_to_the_gallery(browser: Any, ran: Path) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    opened(browser, ran / "output/index.html", "a")
    ActionChains(browser).send_keys("\ue00c").perform()
    assert not browser.execute_script("return document.getElementById('view').open")
    assert browser.execute_script("return document.querySelectorAll('.card').length") == 1
