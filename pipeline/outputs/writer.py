"""The protocol behind `export=[...]`: a format that finished jobs are written in."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.config import Config
from pipeline.inputs.clips import Clip
from pipeline.stages.fit import bodies_of
from pipeline.stages.stage import Job, Stage
from pipeline.storage.whole_files import replacing

if TYPE_CHECKING:
    from fitting.body.body_model import BodyModel

Files = dict[str, str | list[str]]
"""What was written: title -> path or paths below the output folder, as summary.json lists them."""


@dataclass(frozen=True)
class Run:
    """A run that is being written.

    Args:
        config: the settings.
        jobs: those that came through every stage, in the order of the inputs.
    """

    config: Config
    jobs: list[Job]

    @property
    def folder(self) -> Path:
        """The output folder."""
        return Path(self.config.runtime.output_dir)

    @cached_property
    def body_of(self) -> "Callable[[Clip], BodyModel]":
        """A function that returns the body of a clip's fit; each is loaded once, on demand."""
        return bodies_of(self.config.fit, self.config.models)


class Writer:
    """A format. Its class is a dataclass of its options, which conf/export/<name>.yaml names.

    Every method has a default that does nothing: a format overrides those that it needs.
    """

    def stages(self, config: Config) -> list[Stage]:
        """The stages that must run for it after the fit.

        These stages are cached like any other, and one that several formats ask for runs once.
        """
        return []

    def write(self, job: Job, run: Run) -> Files:
        """Write one job into the output folder, and say what was written.

        Files are whole or absent, and existing files with the same content stay (`write_file`).

        Raises:
            ClipError: the job's input has gone or changed; the job counts as skipped.
        """
        return {}

    def write_parcel(self, jobs: list[Job], run: Run) -> Files:
        """Write what holds several jobs, after the last of a parcel (`Job.parcel`), and say what.

        Args:
            jobs: those of the parcel that were written, in order; at least one.
        """
        return {}

    def close(self, run: Run, summary: dict[str, Any]) -> None:
        """Write what is about the run as a whole, after the last job and summary.json."""


def write_file(path: Path, content: bytes) -> None:
    """Write a whole file, unless it exists with exactly these bytes."""
    if path.is_file() and path.read_bytes() == content:
        return
    with replacing(path) as temporary:
        temporary.write_bytes(content)
