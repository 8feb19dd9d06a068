"""Results: which rows hold a body, rows of all parts alike, and no torch to read them."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from fitting import FitResult, Status
from tests.conftest import ROOT
from tests.pipeline.fake_detector import fit_result


def test_a_row_holds_a_body_unless_it_was_skipped_or_left_the_numbers():
    result = replace(fit_result(6), status=np.arange(6, dtype=np.int32))
    held = [Status(row) for row in np.flatnonzero(result.fitted)]
    assert held == [Status.CONVERGED, Status.MAX_ITERATIONS, Status.STALLED, Status.FILLED]
    assert fit_result(0).fitted.shape == (0,)


def test_rows_are_taken_of_all_parts_alike():
    result = fit_result(4)
    numbered = replace(
        result,
        cost=np.arange(4.0),
        params=replace(result.params, transl=np.arange(12.0).reshape(4, 3)),
        camera=replace(result.camera, focal_length=np.arange(1.0, 5)),
        trail=replace(result.trail, stage_transl=result.trail.stage_transl + 1),
    )
    some = numbered[np.array([3, 1])]
    assert some.cost.tolist() == [3, 1]
    assert some.params.transl[:, 0].tolist() == [9, 3]
    assert some.camera.focal_length.tolist() == [4, 2]
    assert some.trail.stage_transl.shape[0] == 2
    assert some.term_names == result.term_names
    joined = FitResult.concatenate([numbered[:1], numbered[1:]])
    assert joined.cost.tolist() == [0, 1, 2, 3]
    other = replace(result, term_names=(*result.term_names[:-1], "gravity"))
    with pytest.raises(ValueError, match=r"FitResult\.term_names: expected the same in all parts"):
        FitResult.concatenate([result, other])


def test_the_modules_that_only_describe_things_need_no_torch():
    named = (
        "result",
        "trail",
        "camera",
        "joints",
        "fit_config",
        "rows",
        "objective.terms",
        "sequence.motion",
        "sequence.settings",
    )
    code = "\n".join(
        [
            *(f"import fitting.{name}" for name in named),
            "import sys",
            "assert 'torch' not in sys.modules",
        ]
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
