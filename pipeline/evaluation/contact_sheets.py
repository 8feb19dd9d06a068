"""The best, median and worst fits of an evaluation side by side."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from fitting.joints import Keypoints
from pipeline.config import Config
from pipeline.drawing.overlay import draw_keypoints
from pipeline.evaluation.evaluate import Evaluation
from pipeline.faults import Fault, record
from pipeline.groups import Picture
from pipeline.inputs.images import Image
from pipeline.outputs.report import progress_bars
from pipeline.outputs.summary import add_fault
from pipeline.stages.render import render_stage
from pipeline.stages.run_stage import run_stage
from pipeline.stages.stage import Job
from pipeline.storage.cache import Cache
from pipeline.storage.whole_files import replacing

EACH, _ACROSS = 25, 5
_TILE = (312, 236)  # px, of which _CAPTION at the bottom
_CAPTION, _GAP = 16, 4
_INK, _PAPER = (40, 40, 40), (255, 255, 255)


def rankings(evaluation: Evaluation, each: int = EACH) -> dict[str, list[tuple[str, float]]]:
    """Names of the best, middle and worst cases with their values, the extreme ones first.

    Only fitted cases are ranked, because the others have no picture.
    """
    if evaluation.ranking is None:
        return {}
    values = evaluation.columns[evaluation.ranking]
    order = [int(i) for i in np.argsort(values, kind="stable") if np.isfinite(values[i])]
    middle = max(0, len(order) // 2 - each // 2)
    chosen = {
        "best": order[:each],
        "median": order[middle : middle + each],
        "worst": order[::-1][:each],
    }
    return {
        kind: [(evaluation.cases[i], float(values[i])) for i in some]
        for kind, some in chosen.items()
        if some
    }


def write_contact_sheets(
    evaluation: Evaluation, jobs: list[Job], config: Config, summary: dict[str, Any]
) -> dict[str, Path]:
    """Draw a sheet for each ranking; overlays come from the cache or are drawn into it.

    Args:
        summary: of the run; unexpected errors are added to it.

    Returns:
        best, median, worst -> jpg.
    """
    ranked = rankings(evaluation)
    wanted = {name for some in ranked.values() for name, _ in some}
    whole = replace(config.render, picture=Picture.overlay, crop=False, max_side=None)
    stage = render_stage(whole, config.fit, config.models, config.runtime)
    some = [job for job in jobs if job.clip.name in wanted]
    with progress_bars() as track:
        drawn, lost = run_stage(stage, some, Cache(Path(config.runtime.cache_dir)), track)
    for skip in lost:
        if isinstance(skip, Fault):
            add_fault(summary, record(skip, config))
    by_name = {job.clip.name: job for job in drawn}
    sheets: dict[str, Path] = {}
    for kind, entries in ranked.items():
        tiles = [
            _tile(by_name[name], f"{name}   {value:.2f}")
            for name, value in entries
            if name in by_name
        ]
        sheets[kind] = Path(config.runtime.output_dir) / f"{kind}.jpg"
        with replacing(sheets[kind]) as temporary:
            _sheet(tiles).save(temporary, quality=88)
    return sheets


def _tile(job: Job, caption: str) -> Pillow.Image:
    """The photo with the fitted keypoints, and the body over it, above a caption."""
    keypoints = job.results["remap"].load()
    (photo,) = job.clip.frames()
    content = job.results["render"].load().content.tobytes()
    with Pillow.open(io.BytesIO(content)) as picture:
        pair = _fitted_in(photo, keypoints, picture.convert("RGB"))
    tile = Pillow.new("RGB", _TILE, _PAPER)
    tile.paste(pair, ((_TILE[0] - pair.width) // 2, 0))
    ImageDraw.Draw(tile).text((4, _TILE[1] - _CAPTION + 2), caption, fill=_INK)
    return tile


def _fitted_in(photo: Image, keypoints: Keypoints, overlay: Pillow.Image) -> Pillow.Image:
    """Both pictures next to each other, as large as the tile allows."""
    height, width = photo.shape[:2]
    room = ((_TILE[0] - 3 * _GAP) / 2, _TILE[1] - _CAPTION - _GAP)
    factor = min(room[0] / width, room[1] / height)
    size = max(1, round(factor * width)), max(1, round(factor * height))
    left = np.array(Pillow.fromarray(photo).resize(size, Pillow.Resampling.LANCZOS))
    for xy, confidence in zip(keypoints.xy, keypoints.confidence, strict=True):
        draw_keypoints(left, (xy + 0.5) * factor - 0.5, confidence)
    pair = Pillow.new("RGB", (2 * size[0] + _GAP, size[1]), _PAPER)
    pair.paste(Pillow.fromarray(left), (0, 0))
    pair.paste(overlay.resize(size, Pillow.Resampling.LANCZOS), (size[0] + _GAP, 0))
    return pair


def _sheet(tiles: list[Pillow.Image]) -> Pillow.Image:
    down = max(1, -(-len(tiles) // _ACROSS))
    step = _TILE[0] + _GAP, _TILE[1] + _GAP
    sheet = Pillow.new("RGB", (_ACROSS * step[0] - _GAP, down * step[1] - _GAP), (225, 225, 225))
    for place, tile in enumerate(tiles):
        row, column = divmod(place, _ACROSS)
        sheet.paste(tile, (column * step[0], row * step[1]))
    return sheet
