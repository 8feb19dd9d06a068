"""The page in a real browser, from the first file to the download."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from pipeline.app.server import create_app
from tests.conftest import ROOT
from tests.pipeline.app.conftest import SETTINGS, Page
from tests.pipeline.outputs.test_page_in_browser import ARGUMENTS, CHROMIUM, DRIVER

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver (CONTRIBUTING.md)"
)


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def browser(downloads: Path) -> Iterator[Any]:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[tuple[str, Page]]:
    """A server of this process whose runs take no time, and its address."""
    page = Page(None, tmp_path)  # type: ignore[arg-type]
    app = create_app(tmp_path / "jobs", SETTINGS, page.command)

    async def late(scope: Any, receive: Any, send: Any) -> None:
        if scope.get("path") == "/limits":
            await asyncio.sleep(page.limits_after)
        await app(scope, receive, send)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(late, log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", page
        server.should_exit = True
        thread.join(20)


def wait(browser: Any, script: str, seconds: float = 30) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, seconds, poll_frequency=0.1).until(
        lambda b: b.execute_script(f"return Boolean({script})")
    )


def shown(browser: Any, name: str, seconds: float = 30) -> None:
    wait(browser, f"!document.getElementById({name!r}).hidden", seconds)


def text(browser: Any, name: str) -> str:
    return browser.find_element("id", name).text


def upload(browser: Any, *paths: Path) -> None:
    browser.find_element("id", "picker").send_keys("\n".join(map(str, paths)))
    wait(browser, f"document.querySelectorAll('#files li').length === {len(paths)}")
    wait(browser, "!document.querySelector('#files').textContent.includes('looking')")


def downloaded(folder: Path, name: str) -> bytes:
    end = time.monotonic() + 30
    while not (folder / name).is_file():
        assert time.monotonic() < end, list(folder.iterdir())
        time.sleep(0.05)
    return (folder / name).read_bytes()


def errors(browser: Any) -> list[str]:
    lines = [line["message"] for line in browser.get_log("browser") if line["level"] == "SEVERE"]
    return [line for line in lines if "status of 415" not in line]


def test_files_go_in_and_results_come_out(
    browser: Any, quick: tuple[str, Page], downloads: Path, tmp_path: Path
) -> None:
    address, _ = quick
    hostile = tmp_path / "<img src=x onerror=document.title='gotcha'>.jpg"
    hostile.write_bytes((ROOT / "assets/demo/runner.jpg").read_bytes())
    (tmp_path / "notes.txt").write_text("no picture")
    browser.get(address)
    assert not browser.find_element("id", "go").is_enabled()
    upload(browser, hostile, tmp_path / "notes.txt")
    assert "This is neither a photo nor a clip" in text(browser, "files")
    browser.find_element("id", "go").click()
    shown(browser, "result")
    assert text(browser, "found") == "1 person in 1 file"
    assert hostile.name in text(browser, "inputs")
    assert browser.title == "Bodies from photos"
    browser.find_element("css selector", "#inputs a.button").click()
    saved = "_img src=x onerror=document.title='gotcha'_.npz"  # as the browser makes it safe
    assert downloaded(downloads, saved) == b"content of 1.npz"
    assert errors(browser) == []


def test_files_chosen_before_the_server_has_answered_are_kept(
    browser: Any, quick: tuple[str, Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, page = quick
    page.limits_after = 2
    browser.get(address)
    upload(browser, ROOT / "assets/demo/runner.jpg")
    wait(browser, "document.getElementById('go').disabled === false")
    assert "Up to" in text(browser, "limits")


def test_a_job_is_cancelled_by_hand_and_the_keyboard_reaches_everything(
    browser: Any, quick: tuple[str, Page]
) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    address, page = quick
    page.mode = "slow"
    browser.get(address)
    upload(browser, ROOT / "assets/demo/runner.jpg")
    browser.execute_script("document.getElementById('picker').focus()")
    for _ in range(20):
        ActionChains(browser).send_keys("\ue004").perform()
        if browser.switch_to.active_element.get_attribute("id") == "go":
            break
    ActionChains(browser).send_keys("\ue007").perform()
    shown(browser, "work")
    wait(browser, "document.querySelector('#stages .now .count')?.textContent === '1 of 1'")
    assert text(browser, "status") == "Working on runner.jpg"
    browser.find_element("id", "cancel").click()
    shown(browser, "failed")
    assert text(browser, "what") == "Cancelled"
    browser.find_element("css selector", "#failed .again").click()
    shown(browser, "start")
    assert "job" not in browser.current_url


@pytest.mark.slow
def test_a_real_photo_becomes_a_body_and_files(
    browser: Any, downloads: Path, tmp_path: Path
) -> None:
    with served(tmp_path) as address:
        browser.get(address)
        upload(browser, ROOT / "assets/demo/friends.jpg")
        browser.find_element("id", "go").click()
        shown(browser, "result", 300)
        assert text(browser, "found") == "2 people in 1 file"
        browser.switch_to.frame("viewer")
        wait(browser, "window.VIEWER && VIEWER.state().ready", 60)
        assert text(browser, "name") == "friends.jpg"
        assert browser.execute_script(_COLOURS) > 100, "the bodies are drawn"
        browser.switch_to.default_content()
        for link in browser.find_elements("css selector", "#inputs a.button"):
            link.click()
        assert downloaded(downloads, "friends.glb")[:4] == b"glTF"
        assert downloaded(downloads, "friends.npz")[:2] == b"PK"
        assert downloaded(downloads, "friends.jpg")[:2] == b"\xff\xd8"
        assert errors(browser) == []
    assert list(tmp_path.glob("smplify-app-*")) == []


_COLOURS = """
    const small = document.createElement('canvas');
    small.width = small.height = 64;
    const drawing = small.getContext('2d');
    drawing.drawImage(document.querySelector('#stage canvas'), 0, 0, 64, 64);
    return new Set(new Uint32Array(drawing.getImageData(0, 0, 64, 64).data.buffer)).size;
"""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of the real server, with the detector that needs no download."""
    words = ["app", "app.port=0", "detector=blazepose", f"runtime.cache_dir={folder / 'cache'}"]
    with subprocess.Popen(
        [sys.executable, "run.py", *words],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(folder)},
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr
        try:
            yield re.findall(r"http://127\.0\.0\.1:\d+", server.stderr.readline())[0]
        finally:
            server.send_signal(signal.SIGINT)
