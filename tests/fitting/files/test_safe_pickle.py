"""Pickles that want more than to be read: refused by name, with nothing run and nothing claimed."""

import builtins
import os
import pickle
import resource
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fitting import load_body_model, load_pose_prior
from fitting.files import safe_pickle
from fitting.files.safe_pickle import read_pickle
from tests.fitting.official import fields_of, python_2_pickle
from tests.toy_body import toy_body


class Call:
    """Pickles as a call of any function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def written(folder: Path, content: bytes) -> Path:
    path = folder / "body.pkl"
    path.write_bytes(content)
    return path


MARKER = "executed"


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.system, (f"touch {MARKER}",), r"(posix|nt)\.system"),
        (builtins.eval, (f"open('{MARKER}', 'w')",), r"(builtins|__builtin__)\.eval"),
        (builtins.exec, (f"open('{MARKER}', 'w')",), r"(builtins|__builtin__)\.exec"),
        (builtins.getattr, ("text", "upper"), r"(builtins|__builtin__)\.getattr"),
        (open, (MARKER, "w"), r"(io|_io)\.open"),
        (os.mkdir, (MARKER,), r"(posix|nt)\.mkdir"),
        (np.load, (MARKER,), r"numpy\.load"),
        (np.fromfile, (MARKER,), r"numpy\.fromfile"),
        (Path, (MARKER,), r"pathlib\.P\w*"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),  # no address of a function
)
def test_foreign_names_are_refused_and_not_run(
    function: Any, arguments: tuple[Any, ...], name: str, protocol: int, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    values = {"v_template": Call(function, *arguments)}
    path = written(tmp_path, pickle.dumps(values, protocol))
    with pytest.raises(
        ValueError, match=rf"body\.pkl: it asks for {name}, which no body in SMPL's"
    ):
        load_body_model(path)
    assert not (tmp_path / MARKER).exists()


@pytest.mark.parametrize("where", ["the name in the file", "on the stack"])
@pytest.mark.parametrize(
    "full",
    [
        "os system",
        "posix system",
        "subprocess Popen",
        "builtins eval",
        "__builtin__ getattr",
        "builtins __import__",
        "numpy.core.multiarray fromfile",
        "numpy.testing measure",
        "numpy.lib.npyio load",
        "numpy.f2py compile",
        "scipy.sparse load_npz",
        "chumpy.ch eval",
        "chumpy.ch Ch.__init__",
        "copyreg _inverted_registry",
        "_codecs decode",
        "fitting.smplify fit",
        "fitting.files.safe_pickle os",
        "numpy core.multiarray._reconstruct.__globals__",
    ],
)
def test_no_name_but_those_on_the_list(full: str, where: str, tmp_path: Path) -> None:
    module, name = full.split()
    if where == "on the stack":
        body = b"".join(
            pickle.SHORT_BINUNICODE + bytes([len(t)]) + t.encode() for t in (module, name)
        )
        content = b"\x80\x04" + body + pickle.STACK_GLOBAL + b"."
    else:
        content = f"c{module}\n{name}\n.".encode()
    with pytest.raises(ValueError, match=f"it asks for {module}.{name}".replace("__", ".*")):
        read_pickle(written(tmp_path, content), "body")


def numbers(code: bytes, value: int) -> bytes:
    return code + struct.pack("<Q" if code in (b"\x8e", b"\x8d", b"\x96", b"\x95") else "<I", value)


GIGABYTE = 2**30


SIZES = {
    "BINSTRING": numbers(pickle.BINSTRING, GIGABYTE),
    "BINBYTES": numbers(pickle.BINBYTES, GIGABYTE),
    "BINUNICODE": numbers(pickle.BINUNICODE, GIGABYTE),
    "LONG4": numbers(pickle.LONG4, GIGABYTE),
    "BINBYTES8": numbers(pickle.BINBYTES8, 2**40),
    "BINUNICODE8": numbers(pickle.BINUNICODE8, 2**62),
    "BYTEARRAY8": numbers(pickle.BYTEARRAY8, 2**40),
}


@pytest.mark.parametrize("claim", SIZES)
def test_claims_of_gigabytes_are_held_against_the_file(claim: str, tmp_path: Path) -> None:
    path = written(tmp_path, b"\x80\x04" + SIZES[claim] + b"abc.")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=r"it asks for \d+ more bytes, but 4 are left"):
        read_pickle(path, "body")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


def test_a_place_far_out_in_the_memo_takes_no_memory(tmp_path: Path) -> None:
    content = b"\x80\x02}" + numbers(pickle.LONG_BINPUT, 2**31 - 1) + b"."
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert read_pickle(written(tmp_path, content), "body") == {}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


DEEP = 50_000


NESTS = {
    "lists": b"]" * DEEP + b"a" * (DEEP - 1),
    "tuples": b")" + b"\x85" * DEEP,
    "dicts": b"}" + b"U\x01a}" * DEEP + b"s" * DEEP,
    "marks": b"(" * DEEP,
    "objects": b"cchumpy.ch\nCh\nq\x01)\x81" + b"h\x01)\x81" * DEEP + b"b" * DEEP,
}


@pytest.mark.parametrize("nest", NESTS)
def test_deep_nesting_ends_in_a_message(nest: str, tmp_path: Path) -> None:
    path = written(tmp_path, b"\x80\x02" + NESTS[nest] + b".")
    with pytest.raises(ValueError, match=r"body\.pkl is no body"):
        load_body_model(path)
    inside = b"\x80\x02}U\nv_template" + NESTS[nest] + b"s."
    with pytest.raises(ValueError, match=r"body\.pkl is no body"):
        load_body_model(written(tmp_path, inside))


def test_a_deep_tuple_is_no_key(tmp_path: Path) -> None:
    """Its hash would overflow the stack of C, which ends the process."""
    content = b"\x80\x02})" + b"\x85" * (8 * DEEP) + b"K\x01s."
    with pytest.raises(ValueError, match="a dictionary whose keys are not names"):
        read_pickle(written(tmp_path, content), "body")


def test_many_small_parts_are_too_many(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(safe_pickle, "_MAX_READS", 1000)
    content = b"\x80\x02(" + b"]" * 1_100 + b"l."
    with pytest.raises(ValueError, match="it has more than 1000 parts"):
        read_pickle(written(tmp_path, content), "body")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it asks for 1 more bytes, but 0 are left"),
        (b"PK\x03\x04 an npz by mistake", "is no body"),
        (b"v 0.1 0.2 0.3\n" * 20, "is no body"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "is no body"),
        (bytes(range(256)), "is no body"),
        (b"\x80\x02}.", "it lacks v_template"),
        (b"\x80\x02].", "it holds a list, no fields"),
        (b"\x80\x09}.", "unsupported pickle protocol: 9"),
        (b"\x80\x02}U\x01a.", "is no body"),
        (b"cchumpy.ch\nCh\n(tR}b0}.", "it lacks v_template"),
        (
            b"\x80\x02ccopy_reg\n_reconstructor\n(U\x01aU\x01bNtR.",
            "of something that is not a class",
        ),
        (b"\x80\x02c_codecs\nencode\n(U\x01aU\x03zipt R.", "is no body"),
        (b"\x80\x02c_codecs\nencode\n(U\x01aU\x03zlb\x74R.", "encodes bytes in a way"),
        (b"\x80\x02c_codecs\nencode\n}U\x01xK\x01sb.", "gives a state to something that has none"),
        (b"(i__main__\nX\n.", "is no body"),
        (b"Pid\n.", "is no body"),
        (b"\x80\x02\x82\x01.", "is no body"),
    ],
    ids=range(17),
)
def test_what_is_no_model_is_told_so(content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        load_body_model(written(tmp_path, content))


def test_a_body_cut_short_anywhere_is_told_so(tmp_path: Path) -> None:
    for protocol in (0, 2):
        whole = python_2_pickle(fields_of(toy_body()), protocol)
        for end in np.linspace(0, len(whole) - 1, 40).astype(int):
            path = written(tmp_path, whole[:end])
            with pytest.raises(ValueError, match=r"body\.pkl is no body"):
                load_body_model(path)


def test_flipped_bytes_never_end_in_anything_else(tmp_path: Path) -> None:
    rng, whole = np.random.default_rng(0), python_2_pickle(fields_of(toy_body()))
    heads = [i for i in range(len(whole)) if i % 997 < 120]  # instructions more than numbers
    refused = 0
    for _ in range(300):
        broken = bytearray(whole)
        broken[rng.choice(heads)] = rng.integers(256)
        try:
            load_body_model(written(tmp_path, bytes(broken)))
        except ValueError:
            refused += 1
    assert refused > 0


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "body.pkl"
    with path.open("wb") as file:
        file.truncate(600 * 2**20)
    begin = time.perf_counter()
    with pytest.raises(ValueError, match="it has 629145600 bytes, expected at most 536870912"):
        load_body_model(path)
    assert time.perf_counter() - begin < 1


def test_a_prior_is_read_no_less_carefully(tmp_path: Path) -> None:
    path = tmp_path / "gmm_08.pkl"
    path.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(
        ValueError, match=r"gmm_08\.pkl: it asks for os\.system, which no pose prior"
    ):
        load_pose_prior(path)
