"""`python -m pipeline.app.look FILE MAX_FRAMES`: says why a file cannot be used, or nothing.

A process of its own, because broken and hostile files may take a decoder down.
"""

import sys
from pathlib import Path

from pipeline.inputs.animations import AnimationReader
from pipeline.inputs.images import ClipError, Facts, photo_facts
from pipeline.inputs.kinds import Kind, kind_of
from pipeline.inputs.videos import VideoReader


def problem_of(path: Path, max_frames: int) -> str:
    """Why a file cannot be used; empty where it can, as far as its header tells."""
    try:
        kind = kind_of(path)
        if kind is Kind.unread:
            return "HEIC and AVIF are not read: convert it to JPEG"
        if kind is Kind.photo:
            photo_facts(path)
            return ""
        if kind in (Kind.video, Kind.animation):
            reader = VideoReader() if kind is Kind.video else AnimationReader()
            return _too_long(reader.facts(path), max_frames)
    except ClipError as error:
        return str(error).removeprefix(f"{path}: ")
    return "this is neither a photo nor a clip"


def _too_long(facts: Facts, max_frames: int) -> str:
    if facts.n_frames is None or facts.n_frames <= max_frames:
        return ""
    length = f" ({facts.n_frames / facts.fps:.0f} s)" if facts.fps else ""
    return (
        f"the clip has {facts.n_frames} frames{length}, and at most {max_frames} are taken: cut it "
        "shorter, or start the page with a larger app.max_frames"
    )


if __name__ == "__main__":
    sys.stdout.write(problem_of(Path(sys.argv[1]), int(sys.argv[2])))
