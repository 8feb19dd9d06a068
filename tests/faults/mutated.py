"""Damage to bytes, the same for the same seed."""

import numpy as np


def flipped(data: bytes, rng: np.random.Generator) -> bytes:
    """One to four bytes with other bits."""
    broken = bytearray(data)
    for at in rng.integers(0, len(data), rng.integers(1, 5)):
        broken[at] ^= int(rng.integers(1, 256))
    return bytes(broken)


def truncated(data: bytes, rng: np.random.Generator) -> bytes:
    """Its beginning."""
    return data[: rng.integers(0, len(data))]


def swapped(data: bytes, rng: np.random.Generator) -> bytes:
    """Two pieces of it in each other's place."""
    size = int(rng.integers(1, max(2, min(512, len(data) // 3))))
    a, b = sorted(int(at) for at in rng.integers(0, len(data) - 2 * size + 1, 2))
    b += size
    middle = data[a + size : b]
    return data[:a] + data[b : b + size] + middle + data[a : a + size] + data[b + size :]


def zeroed(data: bytes, rng: np.random.Generator) -> bytes:
    """A piece of it is 0, as after a crash of the machine."""
    size = int(rng.integers(1, max(2, min(4096, len(data) // 2))))
    at = int(rng.integers(0, len(data) - size + 1))
    return data[:at] + bytes(size) + data[at + size :]


def grown(data: bytes, rng: np.random.Generator) -> bytes:
    """Something is put in."""
    at = int(rng.integers(0, len(data) + 1))
    return data[:at] + rng.bytes(int(rng.integers(1, 400))) + data[at:]


def enlarged(data: bytes, rng: np.random.Generator) -> bytes:
    """Some numbers are as large as they can be: sizes, counts, offsets."""
    broken = bytearray(data)
    for at in rng.integers(0, max(1, min(len(data), 600) - 4), 3):
        broken[at : at + 4] = (b"\xff\xff\xff\x7f", b"\x7f\xff\xff\xff")[int(rng.integers(2))]
    return bytes(broken)


KINDS = (flipped, truncated, swapped, zeroed, grown, enlarged)
