"""The base of formats that write people in 3-D: a cached stage computes them from a Scene."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Int64, UInt8

from fitting.body.body_files import find_body, is_official
from fitting.body.body_model import BodyModel
from pipeline.checks import project_path
from pipeline.config import Config
from pipeline.outputs.actor import Actor
from pipeline.outputs.scene import Scene, scene_of
from pipeline.outputs.writer import Files, Run, Writer, write_file
from pipeline.stages.fit import bodies_of
from pipeline.stages.sequence import NAME as SEQUENCE
from pipeline.stages.sequence import result_of, world_of
from pipeline.stages.stage import Done, Job, Stage, Tick, timed
from pipeline.storage.cache import plain


@dataclass(frozen=True)
class FileSet:
    """Files one after the other: the endings of their names after the input's, sizes, bytes."""

    endings: tuple[str, ...]
    sizes: Int64[np.ndarray, " n"]
    content: UInt8[np.ndarray, " bytes"]

    @classmethod
    def of(cls, files: dict[str, bytes]) -> "FileSet":
        sizes = np.array([len(content) for content in files.values()], np.int64)
        return cls(tuple(files), sizes, np.frombuffer(b"".join(files.values()), np.uint8))

    def files(self) -> dict[str, bytes]:
        """Ending -> content."""
        ends = np.cumsum(self.sizes)
        return {
            str(ending): self.content[end - size : end].tobytes()
            for ending, size, end in zip(self.endings, self.sizes, ends, strict=True)
        }


def ending_of(actor: Actor, suffix: str) -> str:
    """The ending of a person's file after the input's name. It has the frame at which the person
    starts if that is not the first of the clip; these formats have no other place for it."""
    start = f"-from{actor.first}" if actor.first else ""
    return f"-person{actor.track}{start}{suffix}"


class SceneFormat(Writer):
    """A format that is one function of a scene; it is a dataclass of its options.

    `name` names its stage, and its files in the summary; `version` is raised when the same scene
    gives different files.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1

    def files(self, scene: Scene) -> dict[str, bytes]:
        """The files of a scene: the ending after the input's name -> content."""
        raise NotImplementedError

    def stages(self, config: Config) -> list[Stage]:
        """The stage that computes the files from the fit."""
        official = is_official(
            find_body(project_path(config.models.bodies), config.fit.gender.value)
        )

        def compute(jobs: list[Job], tick: Tick) -> Iterator[Done]:
            body_for = bodies_of(config.fit, config.models)

            def one(job: Job) -> FileSet:
                return FileSet.of(self.files(scene_of_job(job, body_for(job.clip), official)))

            return timed(jobs, one)

        return [
            Stage(
                name=self.name,
                version=self.version,
                files={},
                after=("fit", SEQUENCE),
                output=FileSet,
                config=plain(asdict(self)) | {"official": official},  # pyright: ignore
                compute=compute,
            )
        ]

    def write(self, job: Job, run: Run) -> Files:
        """Copy the files out of the cache."""
        names = []
        for ending, content in job.results[self.name].load().files().items():
            names.append(job.clip.name + ending)
            write_file(run.folder / names[-1], content)
        return {self.name: names[0] if len(names) == 1 else names}


def scene_of_job(job: Job, body: BodyModel, official: bool) -> Scene:
    """The scene that a fitted clip holds."""
    fit, facts, world = job.results["fit"], job.clip.facts(), world_of(job)
    return scene_of(
        result_of(job),
        body,
        facts.image_size,
        name=job.clip.name,
        fps=facts.fps,
        gender=fit.provenance["config"]["gender"],
        official=official,
        world_from_camera=None if world is None else world.world_from_camera[0],
    )
