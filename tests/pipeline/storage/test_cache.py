"""The cache gives back what was put in, or nothing; and never something else."""

import io
import json
import logging
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.inputs.clips import PeopleChoice
from pipeline.storage.cache import Cache, digest, from_arrays, key_of, plain, to_arrays
from pipeline.storage.whole_files import replacing
from tests.pipeline.fake_detector import (
    detections,
    fit_result,
    keypoints,
    lifted_detections,
    picture_file,
)

KEY = "ab" * 32

leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
leaves |= st.text(max_size=5)
names = st.text("abcd_", min_size=1, max_size=3)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2),
    max_leaves=4,
)
groups = st.dictionaries(names, values, min_size=1, max_size=4)


def assert_same(a: object, b: object) -> None:
    assert type(a) is type(b)
    left, right = to_arrays(a), to_arrays(b)
    assert left.keys() == right.keys()
    for name, array in left.items():
        assert array.dtype == right[name].dtype, name
        np.testing.assert_array_equal(array, right[name], err_msg=name)


@settings(max_examples=30, deadline=None)
@given(groups, st.randoms())
def test_equal_settings_in_any_order_give_equal_keys(group: dict, random) -> None:
    def shuffled(value: object) -> object:
        if isinstance(value, list):
            return [shuffled(item) for item in value]
        if not isinstance(value, dict):
            return value
        items = list(value.items())
        random.shuffle(items)
        return {key: shuffled(item) for key, item in items}

    assert key_of("fit", 1, group) == key_of("fit", 1, shuffled(group))


def leaf_paths(value: object, path: tuple = ()) -> list[tuple]:
    if isinstance(value, dict | list) and value:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [found for key, item in items for found in leaf_paths(item, (*path, key))]
    return [path]


@settings(max_examples=60, deadline=None)
@given(groups, st.data())
def test_any_changed_leaf_changes_the_key(group: dict, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(leaf_paths(group)))
    changed = json.loads(json.dumps(group))
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    old = holder[path[-1]]
    holder[path[-1]] = data.draw(leaves.filter(lambda new: json.dumps(new) != json.dumps(old)))
    assert key_of("fit", 1, changed) != key_of("fit", 1, group)


@pytest.mark.parametrize("other", [("fit", 2, {}), ("render", 1, {}), ("fit", 1, {"a": 1})])
def test_stage_version_and_settings_are_in_the_key(other: tuple) -> None:
    assert key_of(*other) != key_of("fit", 1, {})


def test_a_number_that_json_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        key_of(float("nan"))


def test_enums_and_tuples_become_json() -> None:
    value = {"people": PeopleChoice.largest, "free": ("betas", "transl"), "n": [1, None]}
    assert plain(value) == {"people": "largest", "free": ["betas", "transl"], "n": [1, None]}


def test_digest_of_a_folder_is_of_the_names_and_contents_of_its_files(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.json").write_text("1")
    (tmp_path / "one/inner").mkdir()
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    (tmp_path / "two/b.json").write_text("")
    (tmp_path / "three/a.json").rename(tmp_path / "three/b.json")
    assert len({digest(tmp_path / name) for name in ("one", "two", "three")}) == 3


def test_digest_is_of_the_contents(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"one")
    (tmp_path / "c").write_bytes(b"two")
    a, b, c = (digest(tmp_path / name) for name in "abc")
    assert a == b != c


@pytest.mark.parametrize("n", [0, 1, 3])
@pytest.mark.parametrize(
    "make", [detections, lifted_detections, keypoints, fit_result, picture_file]
)
def test_every_noun_survives_the_round_trip(make: Callable, n: int, tmp_path: Path) -> None:
    noun = make(n)
    assert_same(from_arrays(type(noun), to_arrays(noun)), noun)
    cache = Cache(tmp_path)
    cache.store("stage", "clip", KEY, noun, {"seconds": 1.5})
    found = cache.find("stage", "clip", KEY, type(noun))
    assert found
    assert found.cached
    assert found.seconds == 1.5
    assert_same(found.load(), noun)


def test_text_comes_back_as_text() -> None:
    assert from_arrays(type(picture_file(2)), to_arrays(picture_file(2))).suffix == ".jpg"
    names = from_arrays(type(detections(1)), to_arrays(detections(1))).joint_names
    assert isinstance(names, tuple)
    assert all(type(name) is str for name in names)


def test_what_was_not_stored_is_not_found(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = Cache(tmp_path)
    cache.store("stage", "clip", KEY, keypoints(1), {"seconds": 0})
    assert cache.find("stage", "other", KEY, type(keypoints(1))) is None
    assert cache.find("other", "clip", KEY, type(keypoints(1))) is None
    assert cache.find("stage", "clip", "cd" * 32, type(keypoints(1))) is None
    assert not caplog.records


class Trap:
    """Would leave a file behind if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def with_object_array(content: bytes, trap: Trap) -> bytes:
    with np.load(io.BytesIO(content)) as archive:
        arrays = dict(archive)
    arrays["xy"] = np.array([trap], dtype=object)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def without_member(content: bytes, name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for member in old.namelist():
            if member != name:
                new.writestr(member, old.read(member))
    return buffer.getvalue()


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "a text": lambda content: b"no zip at all, but long enough to be something",
    "a pickle": lambda content: pickle.dumps({"xy": [1, 2]}),
    "a bare npy": lambda content: content[content.index(b"\x93NUMPY") :],
    "half": lambda content: content[: len(content) // 2],
    "last byte lost": lambda content: content[:-1],
    "flipped in the data": lambda content: flipped(content, content.index(b"\x93NUMPY") + 130),
    "no provenance": lambda content: without_member(content, "provenance.npy"),
}


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_file_counts_as_absent_and_is_replaced(
    damage: Callable[[bytes], bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache, noun = Cache(tmp_path), keypoints(2)
    path = cache.store("remap", "clip", KEY, noun, {"seconds": 0}).path
    path.write_bytes(damage(path.read_bytes()))
    with caplog.at_level(logging.WARNING):
        assert cache.find("remap", "clip", KEY, type(noun)) is None
    assert str(path) in caplog.text
    assert "computing it again" in caplog.text
    cache.store("remap", "clip", KEY, noun, {"seconds": 0})
    found = cache.find("remap", "clip", KEY, type(noun))
    assert found
    assert_same(found.load(), noun)


def test_no_single_flipped_byte_gives_another_result(tmp_path: Path) -> None:
    cache, noun = Cache(tmp_path), picture_file(3)
    path = cache.store("render", "clip", KEY, noun, {"seconds": 0}).path
    whole, noticed = path.read_bytes(), 0
    tried = range(0, len(whole), 3)
    for at in tried:
        path.write_bytes(flipped(whole, at))
        found = cache.find("render", "clip", KEY, type(noun))
        noticed += found is None
        if found:  # a date in the zip's directory, or the padding of a header
            assert_same(found.load(), noun)
    assert noticed > 0.8 * len(tried)


def test_nothing_is_ever_unpickled(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache, noun = Cache(tmp_path), keypoints(1)
    path = cache.store("remap", "clip", KEY, noun, {"seconds": 0}).path
    path.write_bytes(with_object_array(path.read_bytes(), Trap(tmp_path / "sprung")))
    assert cache.find("remap", "clip", KEY, type(noun)) is None
    assert not (tmp_path / "sprung").exists()
    assert "damaged" in caplog.text


def test_a_file_of_another_key_is_not_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache, noun = Cache(tmp_path), keypoints(1)
    other = KEY[:12] + "c" * 52  # the same file name
    cache.store("remap", "clip", other, noun, {"seconds": 0})
    assert cache.find("remap", "clip", KEY, type(noun)) is None
    assert "its name and its result differ" in caplog.text


@pytest.mark.parametrize("broken", ["savez", "replace"])
def test_a_failed_write_leaves_nothing(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object, **arrays: np.ndarray) -> None:
        if broken == "savez":
            args[0].write(b"half a file")
        raise OSError("disk full")

    monkeypatch.setattr(*((np, "savez") if broken == "savez" else (os, "replace")), fails)
    with pytest.raises(OSError, match="disk full"):
        Cache(tmp_path).store("remap", "clip", KEY, keypoints(1), {"seconds": 0})
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_failed_write_keeps_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    path.write_text("old")

    def interrupted() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_provenance_can_be_read_without_this_project(tmp_path: Path) -> None:
    path = Cache(tmp_path).store("fit", "clip", KEY, keypoints(1), {"seconds": 2, "a": [1]}).path
    with np.load(path, allow_pickle=False) as archive:
        assert json.loads(str(archive["provenance"])) == {"key": KEY, "seconds": 2, "a": [1]}
    assert path == tmp_path / "fit" / f"clip-{KEY[:12]}.npz"
