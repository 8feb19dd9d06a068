"""For +export=progress: the fit at work, as an mp4 of the bodies over the photo, stage by stage."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from fitting.body.body_model import BodyParams
from fitting.fit_config import FitConfig
from fitting.joints import Keypoints
from fitting.result import FitResult
from fitting.trail import step_names
from pipeline.checks import check_backend
from pipeline.groups import ModelsConfig, RenderConfig, RuntimeConfig
from pipeline.inputs.images import Image
from pipeline.stages.draw import meshes_of, view_of
from pipeline.stages.fit import bodies_of
from pipeline.stages.render import PictureFile, mp4
from pipeline.stages.stage import Done, Job, Stage, Tick, timed

if TYPE_CHECKING:
    from fitting.body.body_model import BodyModel
    from fitting.body.kinematics import Kinematics
    from pipeline.drawing.caption import Layout, Table
    from pipeline.drawing.mesh_renderer import View

MAX_SIDE = 720  # px, with the caption
FPS = 16
HOLD, BLEND, LAST = 20, 8, 40  # frames per step, between two steps, and extra for the last step
_MOST_ENLARGED = 4  # times: lines and rings would hide a small photo, but some are blurred
_MOST_PEOPLE = 6  # in the caption; more would leave no room for the photo


def progress_stage(
    config: RenderConfig, fit: FitConfig, models: ModelsConfig, runtime: RuntimeConfig
) -> Stage:
    """The stage that shows how the fit went; models and renderer are loaded on the first miss."""
    names = step_names(stage.name for stage in (*fit.stages, *fit.refine))

    def compute(jobs: list[Job], tick: Tick) -> Iterator[Done]:
        import torch

        from fitting.body.kinematics import Kinematics

        check_backend(config.backend)
        torch.set_num_threads(runtime.threads)
        body_for = bodies_of(fit, models)

        def one(job: Job) -> PictureFile:
            body = body_for(job.clip)
            artist = Artist(body, Kinematics(body, fit.n_betas), config)
            return mp4(_frames(job, names, artist), FPS)

        return timed(jobs, one)

    return Stage(
        name="progress",
        version=1,
        config={"backend": config.backend.name, "opacity": config.opacity},
        files={},
        after=("remap", "fit"),
        output=PictureFile,
        compute=compute,
    )


@dataclass(frozen=True)
class Artist:
    """Draws bodies over a photo, with the fitted joints and those that were seen."""

    body: "BodyModel"
    kinematics: "Kinematics"
    config: RenderConfig

    def draw(self, photo: Image, view: "View", params: BodyParams, keypoints: Keypoints) -> Image:
        """All people; the keypoints are in px of the photo that the view shows."""
        from pipeline.drawing.overlay import draw_keypoints, draw_residuals, overlay

        meshes = meshes_of(self.body, params, keypoints.track)
        options = {"opacity": self.config.opacity, "backend": self.config.backend}
        picture = overlay(photo, meshes, view, **options)
        people = zip(self._joints(params, view), keypoints.xy, keypoints.confidence, strict=True)
        for fitted, seen, confidence in people:
            draw_keypoints(picture, fitted, np.ones(len(fitted)))
            draw_residuals(picture, fitted, seen, confidence)
        return picture

    def _joints(self, params: BodyParams, view: "View") -> Float[np.ndarray, "P 14 2"]:
        """LSP's joints, in px of the view."""
        import torch

        from fitting.camera import project
        from fitting.rotations import rotation_and_left_jacobian

        orient, pose, betas, transl, center = (
            torch.as_tensor(array)
            for array in (
                params.global_orient,
                params.body_pose,
                params.betas,
                params.transl,
                np.tile(view.center, (len(params), 1)),
            )
        )
        root, _ = rotation_and_left_jacobian(orient)
        points = self.kinematics.points(root, pose, betas).points + transl[:, None]
        return project(points, torch.full_like(betas[:, 0], view.focal_length), center)[0].numpy()


def _frames(job: Job, names: tuple[str, ...], artist: Artist) -> Iterator[Image]:
    """The animation: every step for a while, and the way from one to the next.

    For a video it shows the first frame with somebody in it.
    """
    from pipeline.drawing.caption import Layout, caption

    result, keypoints = job.results["fit"].load(), job.results["remap"].load()
    index = int(result.frame[result.fitted].min())
    rows = np.flatnonzero((result.frame == index) & result.fitted)
    result, keypoints = result[rows], keypoints[rows]
    tables = [_table(result, step) for step in range(len(names))]
    layout = Layout.of(tables)
    photo, view, keypoints = _fitting_in(_frame(job, index), result, keypoints, layout)
    width = max(view.size[0], layout.width)

    def whole(params: BodyParams, title: str, step: int, *, between: bool) -> Image:
        picture = artist.draw(photo, view, params, keypoints)
        strip = caption(title, tables[step], layout, width, dim=between)
        return _stacked(picture, strip)

    bodies = [result.trail.bodies(step) for step in range(len(names))]
    titles = [_title(names, step) for step in range(len(names))]
    for step, params in enumerate(bodies):
        if step:
            title = f"{titles[step - 1]}  to  {titles[step]}"
            for share in np.arange(1, BLEND + 1) / (BLEND + 1):
                between = blended(bodies[step - 1], params, share**2 * (3 - 2 * share))
                yield whole(between, title, step - 1, between=True)
        held = whole(params, f"{titles[step]}   ({step + 1} of {len(names)})", step, between=False)
        yield from [held] * (HOLD + LAST * (step == len(names) - 1))


def n_frames(n_steps: int) -> int:
    """How many frames an animation of so many steps has."""
    return HOLD * n_steps + BLEND * (n_steps - 1) + LAST


def blended(a: BodyParams, b: BodyParams, share: float) -> BodyParams:
    """Bodies on the way from a (share 0) to b (share 1); every joint takes its shortest turn."""
    import torch

    from fitting.rotations import quaternion_from_vector, slerp, vector_from_quaternion

    ends = [np.concatenate([p.global_orient, p.body_pose], 1).reshape(-1, 24, 3) for p in (a, b)]
    p, q = (quaternion_from_vector(torch.as_tensor(vectors)) for vectors in ends)
    turned = vector_from_quaternion(slerp(p, q, share)).flatten(1).numpy()
    betas, transl = (x + share * (y - x) for x, y in ((a.betas, b.betas), (a.transl, b.transl)))
    return BodyParams(betas, turned[:, :3], turned[:, 3:], transl)


def _frame(job: Job, index: int) -> Image:
    with closing(job.clip.frames()) as frames:  # pyright: ignore[reportArgumentType]
        return next(islice(frames, index, None))


def _fitting_in(
    photo: Image, result: FitResult, keypoints: Keypoints, layout: "Layout"
) -> tuple[Image, "View", Keypoints]:
    """The photo, its camera and its keypoints, in a size that leaves room for the caption below."""
    import cv2

    height, width = photo.shape[:2]
    view = view_of(result, (width, height))
    factor = min(_MOST_ENLARGED, MAX_SIDE / width, (MAX_SIDE - layout.height) / height)
    view = view.scaled(factor)
    smooth = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    photo = cv2.resize(photo, view.size, interpolation=smooth)
    xy = (keypoints.xy + 0.5) * np.float32(factor) - np.float32(0.5)
    return photo, view, Keypoints(keypoints.frame, keypoints.track, xy, keypoints.confidence)


def _stacked(picture: Image, strip: Image) -> Image:
    """The picture centred above the strip, which is as wide or wider."""
    height, width = picture.shape[:2]
    whole = np.empty((height + len(strip), strip.shape[1], 3), np.uint8)
    whole[:] = strip[-1, -1]
    left = (strip.shape[1] - width) // 2
    whole[:height, left : left + width] = picture
    whole[height:] = strip
    return whole


def _title(names: tuple[str, ...], step: int) -> str:
    return names[step] if step < 2 else f"stage {names[step]}"


def _table(result: FitResult, step: int) -> "Table":
    """What each term adds to everybody's cost after a step."""
    from pipeline.drawing.caption import OFF, Table
    from pipeline.drawing.mesh_renderer import track_color

    shown = result[:_MOST_PEOPLE]
    rows = []
    for track, values, on in zip(
        shown.track, shown.stage_terms[:, step], shown.stage_on[:, step], strict=True
    ):
        cells = [_figure(v) if acts else OFF for v, acts in zip(values, on, strict=True)]
        rows.append((f"person {track}", *cells, _figure(values.sum())))
    colors = tuple(tuple(track_color(int(track)).tolist()) for track in shown.track)
    more = len(result) - len(shown)
    foot = f"and {more} more, in summary.json" if more else ""
    return Table(("", *result.term_names, "cost"), tuple(rows), colors, foot)


def _figure(value: float) -> str:
    """A figure with three digits, or three decimals."""
    decimals = sum(value < bound for bound in (99.95, 9.995, 0.9995))
    return f"{value:,.{decimals}f}"
