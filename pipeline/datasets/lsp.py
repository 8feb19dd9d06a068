"""The Leeds Sports Pose data set (Johnson and Everingham, BMVC 2010): images and the truth."""

import os
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from pipeline.config import Config
from pipeline.datasets.lsp_evaluation import evaluate_lsp
from pipeline.datasets.lsp_files import (
    annotation_path,
    by_number,
    image_paths,
    lsp_root,
    read_annotation,
    read_genders,
)
from pipeline.evaluation.evaluate import Evaluation
from pipeline.evaluation.pck import Annotation
from pipeline.inputs.clips import Found, PeopleChoice, at_least_one, choice, open_files
from pipeline.stages.stage import Job


class Split(Enum):
    """Part of LSP: train is images 1..1000, test is 1001..2000."""

    train = "train"
    test = "test"
    all = "all"


_NUMBERS = {Split.train: range(1, 1001), Split.test: range(1001, 2001), Split.all: range(1, 2001)}


@dataclass
class Lsp:
    """The data set, of which users need a copy of their own.

    Args:
        root: folder with joints.mat and images/ or images/lsp/, or a zip of it.
        split, max_images: which images; the first n of the split.
        people: who is fitted. Only one person per image is measured, the largest.
        genders: file with the gender of each image (0 male, 1 female); null: fit.gender.
        fit_scale: images are fitted as if enlarged by this factor.
        silhouettes: folder of masks, png by number; null: not measured.
        parts: folder of part labels, png by number; null: not measured.
        unpack_to: folder for a zip's contents.
    """

    root: str
    split: Split = Split.test
    people: PeopleChoice = PeopleChoice.largest
    max_images: int | None = None
    genders: str | None = None
    fit_scale: float = 1.0
    silhouettes: str | None = None
    parts: str | None = None
    unpack_to: str = "cache/lsp"

    def __post_init__(self) -> None:
        self.split = choice("data.split", Split, self.split)
        self.people = choice("data.people", PeopleChoice, self.people)
        at_least_one("data.max_images", self.max_images)
        if not 0 < self.fit_scale < float("inf"):
            raise ValueError(f"data.fit_scale: expected more than 0, got {self.fit_scale}")
        self._truth: Annotation | None = None

    @property
    def numbers(self) -> range:
        """Of the images, from 1."""
        return _NUMBERS[self.split][: self.max_images]

    def clips(self) -> Found:
        """The images of the split, in order; the annotation is read too.

        Raises:
            NoClipsError: the data set, or a file that the options name, is missing or wrong.
        """
        paths = image_paths(self._folder(), self.numbers)
        self._annotation()  # read now, so that an error in it shows before any work
        self._label_files()
        clips, skipped = open_files((path, None) for path in paths)
        genders = read_genders(Path(os.path.expanduser(self.genders))) if self.genders else None
        return [
            replace(
                clip,
                fit_scale=self.fit_scale,
                gender=genders[int(clip.name[2:]) - 1] if genders else None,
            )
            for clip in clips
        ], skipped

    def evaluate(self, jobs: list[Job], config: Config) -> Evaluation:
        """PCK of the detector and of the fit side by side, and silhouettes if they are given."""
        rows = [number - 1 for number in self.numbers]
        truth = self._annotation()[rows]
        return evaluate_lsp(self.numbers, truth, jobs, self._label_files(), config)

    def _folder(self) -> Path:
        return lsp_root(Path(os.path.expanduser(self.root)), Path(self.unpack_to))

    def _annotation(self) -> Annotation:
        self._truth = self._truth or read_annotation(annotation_path(self._folder()))
        return self._truth

    def _label_files(self) -> dict[str, dict[int, Path]]:
        folders = {"silhouettes": self.silhouettes, "parts": self.parts}
        return {
            option: by_number(f"data.{option}", Path(os.path.expanduser(folder)), self.numbers)
            for option, folder in folders.items()
            if folder
        }
