"""What the parts of the fit over time are worth."""

import pytest
from hydra import compose, initialize_config_dir

from benchmarks.comparison import compared
from benchmarks.video_accuracy import COMPARED, ROWS
from pipeline.config import to_config
from tests.conftest import ROOT


def test_every_row_is_a_setting_that_differs_from_the_default():
    found = {}
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        for name, settings in ROWS.items():
            config = to_config(compose("config", ["data=synthetic_video", *settings]))
            found[name] = (config.sequence, config.data.known_focal_length)
    assert len({str(settings) for settings in found.values()}) == len(ROWS)


@pytest.mark.slow
def test_frame_by_frame_is_worse_on_the_same_clips(tmp_path):
    common = ["data=synthetic_video", "data.n=1", f"runtime.cache_dir={tmp_path}"]
    rows = {name: [*common, *ROWS[name]] for name in ("track", "none: frame by frame")}
    (_, track), (_, alone) = compared(rows, COMPARED)
    assert track["difference"]["pa_mpjpe_mm"]["mean"] == 0
    assert alone["difference"]["pa_mpjpe_mm"]["mean"] > 2
    assert alone["difference"]["camera_accel_error_mm_per_frame2"]["mean"] > 50
