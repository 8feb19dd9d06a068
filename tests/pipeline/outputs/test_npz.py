"""Fields of the npz that are made when it is written."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from fitting.joints import LSP_14
from fitting.sequence.motion import Motion
from fitting.sequence.sides import exchanged
from pipeline.outputs.npz import seen_in
from tests.pipeline.fake_detector import fit_result, keypoints


def test_seen_joints_have_the_sides_that_the_body_has() -> None:
    """Where left and right were exchanged, a hidden left wrist was called the right one."""
    known = keypoints(2)
    confidence = np.ones_like(known.confidence)
    confidence[:, LSP_14.index("right_wrist")] = 0
    known = replace(known, confidence=confidence, xy=np.full_like(known.xy, 5))
    read = exchanged(known, np.array([0, 1], np.int32))
    rows = replace(fit_result(2), frame=known.frame, track=known.track)
    clip = SimpleNamespace(facts=lambda: SimpleNamespace(image_size=(10, 10)))
    job: Any = SimpleNamespace(clip=clip)
    unseen = [LSP_14[np.flatnonzero(~row)[0]] for row in seen_in(Motion(read, rows), job)]
    assert unseen == ["right_wrist", "left_wrist"]
