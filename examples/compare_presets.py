"""Two presets on the same people: python -m examples.compare_presets [PRESET PRESET] [N]"""

import sys
from typing import Any

from hydra import compose, initialize_config_dir

from pipeline.config import ROOT, to_config
from pipeline.pipeline import run


def measured(preset: str, n: int) -> dict[str, Any]:
    """The measures of a preset on drawn people with a real detector's errors (data=synthetic)."""
    settings = ["data=synthetic", f"data.n={n}", f"fit={preset}", "export=[npz]"]
    settings.append(f"runtime.output_dir=outputs/compare/{preset}")
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return run(to_config(compose("config", settings)))["metrics"]["means"]


def main(one: str = "lifted", other: str = "smplify", n: int = 100) -> dict[str, list[float]]:
    """Print a table.

    Returns:
        Measure -> its mean with each preset.
    """
    results = [measured(preset, n) for preset in (one, other)]
    names = ("pa_mpjpe_mm", "mpjpe_mm", "pve_mm")
    table = {name: [result[name]["mean"] for result in results] for name in names}
    print(f"{'':12s}{one:>16s}{other:>16s}")
    for name, (first, second) in table.items():
        print(f"{name:12s}{first:16.1f}{second:16.1f}")
    return table


if __name__ == "__main__":
    words = [int(word) if word.isdecimal() else word for word in sys.argv[1:]]
    main(*words)
