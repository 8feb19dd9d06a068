"""Runs with truth under several settings, and how far they are from the first of them."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from hydra import compose, initialize_config_dir

from pipeline.config import ROOT, to_config
from pipeline.evaluation.evaluate import Evaluation, metrics_of
from pipeline.evaluation.metrics import bootstrap_interval
from pipeline.parcels import jobs_of
from pipeline.pipeline import stages_of, through


def compared(
    rows: Mapping[str, Sequence[str]], columns: Sequence[str]
) -> Iterator[tuple[str, dict]]:
    """Each row's metrics (`metrics_of`), and its paired differences to the first row.

    Args:
        rows: settings by the row's name. All rows see the same cases.
        columns: measures whose differences are asked for.
    """
    base = None
    for name, settings in rows.items():
        row = evaluate(settings)
        base = base or row
        apart = {column: difference(row, base, column) for column in columns}
        yield name, {**metrics_of(row), "difference": apart}


def evaluate(settings: Sequence[str]) -> Evaluation:
    """Go through all stages with these settings and compare with the truth."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = to_config(compose("config", list(settings)))
    clips, _ = config.data.clips()
    jobs, _, _ = through(stages_of(config), jobs_of(clips), config)
    return config.data.evaluate(jobs, config)


def difference(row: Evaluation, base: Evaluation, column: str) -> dict[str, float]:
    """Mean of row - base over the cases that both have, with its 95 % bootstrap interval."""
    apart = row.columns[column] - base.columns[column]
    apart = apart[np.isfinite(apart)]
    low, high = bootstrap_interval(apart)
    return {"mean": round(float(apart.mean()), 3), "low": round(low, 3), "high": round(high, 3)}


def with_interval(found: Mapping[str, float], form: str) -> str:
    """A mean and its interval as text, e.g. -2.3 (-3.4, -1.2)."""
    mean, low, high = (format(found[name], form) for name in ("mean", "low", "high"))
    return f"{mean} ({low}, {high})"
