"""`export=[obj, ply]`: the surface of every person in every frame, for any 3-D program.

A clip gives many files, too many to keep twice, so no stage keeps them in the cache. A record next
to them says which fit they come from.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pipeline.inputs.clips import at_least_one
from pipeline.outputs.actor import Actor
from pipeline.outputs.scene import Scene
from pipeline.outputs.scene_format import scene_of_job
from pipeline.outputs.writer import Files, Run, Writer, write_file
from pipeline.stages.sequence import last_of
from pipeline.stages.stage import Job
from pipeline.storage.cache import key_of
from pipeline.storage.whole_files import sweep

if TYPE_CHECKING:
    from trimesh import Trimesh

_VERSION = 1
_RECORD = "written.json"
_AT_ONCE = 16  # bodies that are posed together: about 20 MB


@dataclass
class Meshes(Writer):
    """<name>-<format>/person0.<format>, or for a clip person0-000012.<format>.

    Args:
        every: write every n-th frame of a clip.
    """

    name: ClassVar[str]
    every: int = 1

    def __post_init__(self) -> None:
        at_least_one(f"export.{self.name}.every", self.every)

    def content(self, mesh: "Trimesh", scene: Scene, track: int) -> bytes:
        """A mesh as a file."""
        raise NotImplementedError

    def write(self, job: Job, run: Run) -> Files:
        """Write the meshes, unless all those of this very fit exist."""
        folder = run.folder / f"{job.clip.name}-{self.name}"
        key = key_of(self.name, _VERSION, self.every, last_of(job).key)
        record = _record(folder)
        if record.get("key") != key or not _all_there(folder, record["files"]):
            folder.mkdir(exist_ok=True)
            sweep(folder)
            scene = scene_of_job(job, run.body_of(job.clip), official=False)
            sizes = {}
            for name, content in self.files(scene):
                write_file(folder / name, content)
                sizes[name] = len(content)
            for name in record.get("files", {}).keys() - sizes.keys():
                (folder / name).unlink(missing_ok=True)
            text = json.dumps({"key": key, "world": scene.world, "files": sizes}, indent=1)
            write_file(folder / _RECORD, text.encode())
        return {self.name: folder.name}

    def files(self, scene: Scene) -> Iterator[tuple[str, bytes]]:
        """Name and content of each file, one after the other."""
        for actor in scene.actors:
            for frame, mesh in _posed(actor, scene, self.every):
                number = f"-{frame:06d}" if scene.n_frames > 1 else ""
                name = f"person{actor.track}{number}.{self.name}"
                yield name, self.content(mesh, scene, actor.track)


@dataclass
class Obj(Meshes):
    """Wavefront OBJ: text, vertices and faces."""

    name: ClassVar[str] = "obj"

    def content(self, mesh: "Trimesh", scene: Scene, track: int) -> bytes:
        """The frame of reference is in its first line."""
        from trimesh.exchange.obj import export_obj

        return str(export_obj(mesh, include_color=False, header=scene.world)).encode()


@dataclass
class Ply(Meshes):
    """PLY, binary: vertices in the person's colour, and faces."""

    name: ClassVar[str] = "ply"

    def content(self, mesh: "Trimesh", scene: Scene, track: int) -> bytes:
        """The frame of reference is in a comment."""
        from trimesh.exchange.ply import export_ply

        from pipeline.drawing.mesh_renderer import track_color

        mesh.visual.vertex_colors = [*track_color(track).tolist(), 255]  # pyright: ignore
        comment = f"\ncomment {scene.world}\nelement".encode()
        return export_ply(mesh).replace(b"\nelement", comment, 1)


def _posed(actor: Actor, scene: Scene, every: int) -> Iterator[tuple[int, "Trimesh"]]:
    """Frame and mesh in the world, for every n-th frame of a clip."""
    from trimesh import Trimesh

    rows = np.flatnonzero(actor.frames % every == 0)
    params = actor.params()
    for first in range(0, len(rows), _AT_ONCE):
        some = rows[first : first + _AT_ONCE]
        posed = scene.body.vertices(params[some])
        for frame, vertices in zip(actor.frames[some], posed, strict=True):
            yield int(frame), Trimesh(vertices, scene.body.faces, process=False)


def _record(folder: Path) -> dict:
    """The record of earlier files; empty if there is none or it is damaged."""
    try:
        record = json.loads((folder / _RECORD).read_bytes())
        return {"key": str(record["key"]), "files": dict(record["files"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _all_there(folder: Path, files: dict[str, int]) -> bool:
    return all(
        (folder / name).is_file() and (folder / name).stat().st_size == size
        for name, size in files.items()
    )
