import hashlib
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from detectors.downloads import fetch_all, promised_digest

CONTENT = b"weights" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()[:8]


def fetch(url, folder):
    return fetch_all({"weights": url}, folder)["weights"]


class _Quiet(SimpleHTTPRequestHandler):
    ranges = True  # whether a part of a file can be had

    def log_message(self, *arguments):
        """Say nothing."""

    def send_head(self):
        asked = self.headers.get("Range") if self.ranges else None
        if asked is None:
            return super().send_head()
        file = Path(self.translate_path(self.path)).open("rb")  # noqa: SIM115 the caller closes it
        size = os.fstat(file.fileno()).st_size
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start >= size:
            file.close()
            self.send_error(416)
            return None
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("Content-Length", str(size - start))
        self.end_headers()
        file.seek(start)
        return file


@pytest.fixture
def server(tmp_path):
    """A folder and the address it is served at."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_download_is_kept_and_not_repeated(server, tmp_path):
    folder, address = server
    name = f"model_256x192-{DIGEST}_20230605.pth"
    (folder / name).write_bytes(CONTENT)
    path = fetch(f"{address}/{name}", tmp_path / "weights")
    assert path.read_bytes() == CONTENT
    assert [p.name for p in path.parent.iterdir()] == [name]
    (folder / name).unlink()
    assert fetch(f"{address}/{name}", tmp_path / "weights") == path


def test_wrong_content_is_refused_and_leaves_nothing(server, tmp_path):
    folder, address = server
    (folder / "model-0123abcd.pth").write_bytes(CONTENT)
    with pytest.raises(ValueError, match=f"starts with 0123abcd, got {DIGEST}"):
        fetch(f"{address}/model-0123abcd.pth", tmp_path / "weights")
    assert list((tmp_path / "weights").iterdir()) == []


def test_damaged_file_on_disk_is_refused(tmp_path):
    (tmp_path / f"model-{DIGEST}.pth").write_bytes(CONTENT[:-1])
    with pytest.raises(ValueError, match=f"starts with {DIGEST}"):
        fetch(f"http://127.0.0.1:1/model-{DIGEST}.pth", tmp_path)


def test_without_network_the_error_names_every_file_and_what_to_do(tmp_path):
    """Who has to carry files to this machine goes only once."""
    there, first, second = (f"http://127.0.0.1:1/{n}-{DIGEST}.pth" for n in ("there", "a", "b"))
    (tmp_path / f"there-{DIGEST}.pth").write_bytes(CONTENT)
    with pytest.raises(ConnectionError) as caught:
        fetch_all({"mask": there, "person boxes": first, "pose": second}, tmp_path)
    assert str(caught.value) == (
        f"could not download a-{DIGEST}.pth (<urlopen error [Errno 111] Connection refused>). "
        f"Missing: a-{DIGEST}.pth (person boxes) and b-{DIGEST}.pth (pose). Fetch both on a "
        f"machine with network: curl -fL --remote-name-all {first} {second} and put both into "
        f"{tmp_path}, or run with detector=blazepose, which needs no download"
    )
    assert [path.name for path in tmp_path.iterdir()] == [f"there-{DIGEST}.pth"]


def cut_short(monkeypatch, size):
    monkeypatch.setattr(_Quiet, "copyfile", lambda self, source, out: out.write(source.read(size)))


@pytest.mark.parametrize("ranges", [True, False], ids=["resumed", "server without ranges"])
def test_download_cut_short_goes_on_where_it_stopped(server, tmp_path, monkeypatch, ranges):
    folder, address = server
    name, half = f"model-{DIGEST}.pth", len(CONTENT) // 2
    (folder / name).write_bytes(CONTENT)
    monkeypatch.setattr(_Quiet, "ranges", ranges)
    weights = tmp_path / "weights"
    with monkeypatch.context() as broken:
        cut_short(broken, half)
        with pytest.raises(ConnectionError, match=f"{half} of {len(CONTENT)} bytes arr") as caught:
            fetch(f"{address}/{name}", weights)
    assert f"{half} bytes are kept" in str(caught.value)
    (part,) = weights.iterdir()
    assert part.read_bytes() == CONTENT[:half]
    sent = []
    with monkeypatch.context() as counted:
        counted.setattr(
            _Quiet, "copyfile", lambda self, source, out: sent.append(out.write(source.read()))
        )
        path = fetch(f"{address}/{name}", weights)
    assert sent == [len(CONTENT) - half if ranges else len(CONTENT)]
    assert list(weights.iterdir()) == [path]
    assert path.read_bytes() == CONTENT


def test_a_part_that_is_of_another_file_is_refused_and_removed(server, tmp_path):
    folder, address = server
    name = f"model-{DIGEST}.pth"
    (folder / name).write_bytes(CONTENT)
    (tmp_path / f"{name}.part").write_bytes(b"x" * 10)
    with pytest.raises(ValueError, match=f"starts with {DIGEST}, got .* it was removed: run again"):
        fetch(f"{address}/{name}", tmp_path)
    assert fetch(f"{address}/{name}", tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("extra", [b"", b"more"], ids=["complete", "too long"])
def test_a_part_beyond_the_end_starts_anew(server, tmp_path, extra):
    folder, address = server
    name = f"model-{DIGEST}.pth"
    (folder / name).write_bytes(CONTENT)
    (tmp_path / f"{name}.part").write_bytes(CONTENT + extra)
    assert fetch(f"{address}/{name}", tmp_path).read_bytes() == CONTENT
    assert [path.name for path in tmp_path.glob("*.p*")] == [name]


def test_two_runs_at_once_share_one_download(server, tmp_path, monkeypatch):
    folder, address = server
    name = f"model-{DIGEST}.pth"
    (folder / name).write_bytes(CONTENT)
    sent = []

    def slowly(self, source, out):
        time.sleep(0.3)
        sent.append(out.write(source.read()))

    monkeypatch.setattr(_Quiet, "copyfile", slowly)
    with ThreadPoolExecutor(2) as both:
        fetched = [both.submit(fetch, f"{address}/{name}", tmp_path) for _ in range(2)]
        assert {one.result().read_bytes() for one in fetched} == {CONTENT}
    assert sent == [len(CONTENT)]
    assert [path.name for path in tmp_path.glob("*.p*")] == [name]


def test_a_name_that_ends_in_a_date_promises_nothing():
    """RTMW's do; a date is hexadecimal, too."""
    date, digest = "20231122", "0b80dee4"
    assert promised_digest(f"rtmw-dw-l-m_270e-256x192-{date}.pth") is None
    assert promised_digest(f"rtmw-x_270e-256x192-{digest}_{date}.pth") == digest


def test_the_digits_of_an_onnx_archive_are_those_of_its_checkpoint():
    name = "rtmpose-m_simcc-body7_pt-body7-halpe26_700e-256x192-4d3e73dd_20230605"
    assert promised_digest(f"{name}.pth") == "4d3e73dd"
    assert promised_digest(f"{name}.zip") is None
