import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from detectors import checkpoints

CONTENT = b"weights" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()[:8]
HALPE = "body_2d_keypoint/rtmpose/body8/rtmpose-m_8xb512-700e_body8-halpe26-256x192.py"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        """Say nothing."""


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
    path = checkpoints.fetch(f"{address}/{name}", tmp_path / "weights")
    assert path.read_bytes() == CONTENT
    assert [p.name for p in path.parent.iterdir()] == [name]
    (folder / name).unlink()
    assert checkpoints.fetch(f"{address}/{name}", tmp_path / "weights") == path


def test_wrong_content_is_refused_and_leaves_nothing(server, tmp_path):
    folder, address = server
    (folder / "model-0123abcd.pth").write_bytes(CONTENT)
    with pytest.raises(ValueError, match=f"starts with 0123abcd, got {DIGEST}"):
        checkpoints.fetch(f"{address}/model-0123abcd.pth", tmp_path / "weights")
    assert list((tmp_path / "weights").iterdir()) == []


def test_damaged_file_on_disk_is_refused(tmp_path):
    (tmp_path / f"model-{DIGEST}.pth").write_bytes(CONTENT[:-1])
    with pytest.raises(ValueError, match=f"starts with {DIGEST}"):
        checkpoints.fetch(f"http://127.0.0.1:1/model-{DIGEST}.pth", tmp_path)


def test_without_network_the_error_says_what_to_do(tmp_path):
    url = f"http://127.0.0.1:1/model-{DIGEST}.pth"
    with pytest.raises(ConnectionError) as caught:
        checkpoints.fetch(url, tmp_path / "weights")
    for part in (f"model-{DIGEST}.pth", url, str(tmp_path / "weights"), "detector=blazepose"):
        assert part in str(caught.value)
    assert list((tmp_path / "weights").iterdir()) == []


def test_download_cut_short_leaves_nothing(server, tmp_path, monkeypatch):
    folder, address = server
    name = f"model-{DIGEST}.pth"
    (folder / name).write_bytes(CONTENT)
    monkeypatch.setattr(
        _Quiet, "copyfile", lambda self, source, out: out.write(source.read(len(CONTENT) // 2))
    )
    with pytest.raises(ConnectionError, match=f"{len(CONTENT) // 2} of {len(CONTENT)} bytes came"):
        checkpoints.fetch(f"{address}/{name}", tmp_path / "weights")
    assert list((tmp_path / "weights").iterdir()) == []


def test_file_absent_on_the_server_is_a_failed_download(server, tmp_path):
    with pytest.raises(ConnectionError, match="404"):
        checkpoints.fetch(f"{server[1]}/model-{DIGEST}.pth", tmp_path)


@pytest.mark.parametrize(
    ("config", "file"),
    [
        (HALPE, "rtmpose-m_simcc-body7_pt-body7-halpe26_700e-256x192-4d3e73dd_20230605.pth"),
        (
            "body_2d_keypoint/rtmpose/body8/rtmpose-m_8xb256-420e_body8-256x192.py",
            "rtmpose-m_simcc-body7_pt-body7_420e-256x192-e48f03d0_20230504.pth",
        ),
        (
            "rtmdet_nano_320-8xb32_coco-person.py",
            "rtmdet_nano_8xb32-100e_coco-obj365-person-05d8511e.pth",
        ),
    ],
)
def test_published_weights_of_the_shipped_configs(config, file):
    url = checkpoints.published_url(config)
    assert url.startswith("https://download.openmmlab.com/mmpose/v1/projects/")
    assert url.endswith(f"/{file}")
    assert checkpoints.find_config(config).is_file()
    assert not checkpoints.is_local(config)


def test_own_files(tmp_path):
    (tmp_path / "mine.py").write_text("model = {}")
    (tmp_path / "mine.pth").write_bytes(CONTENT)
    config = str(tmp_path / "mine.py")
    assert checkpoints.is_local(config)
    found = checkpoints.find_checkpoint(str(tmp_path / "mine.pth"), config, tmp_path)
    assert found == tmp_path / "mine.pth"
    with pytest.raises(FileNotFoundError, match="name the file of its checkpoint"):
        checkpoints.find_checkpoint(None, config, tmp_path)
    with pytest.raises(FileNotFoundError, match=r"expected a checkpoint at .*absent\.pth"):
        checkpoints.find_checkpoint(str(tmp_path / "absent.pth"), config, tmp_path)
    with pytest.raises(FileNotFoundError, match=r"expected the mmpose config nowhere\.py"):
        checkpoints.find_config("nowhere.py")
