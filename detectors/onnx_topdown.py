"""The models of RTMPose as ONNX: those of mmpose, without mmpose, and faster on CPUs."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from detectors.base import Image, Resources
from detectors.downloads import fetch_all
from detectors.onnx_models import load_onnx, require_onnxruntime
from detectors.onnx_people import KINDS, PersonNetwork
from detectors.onnx_pose import PoseNetwork
from detectors.skeletons import SKELETONS
from detectors.top_down import Candidates, Found, TopDown

_WEB = "https://"


@dataclass
class OnnxTopDown(TopDown):
    """Finds people and their joints with two ONNX files, as mmpose does with the same weights.

    Args:
        checkpoint: the pose model, of the RTMPose family: an .onnx file, a .zip with one in it, or
            the address of one, downloaded once.
        skeleton: what its joints are, a name of detectors.skeletons; auto: 17, 26 and 133 joints
            are COCO's, Halpe's and COCO-WholeBody's.
        flip_test: run every person mirrored too and take the mean, in twice the time; mmpose's
            configs do.
        person_checkpoint: the person finder, as above.
        person_model: rtmdet, yolox, or auto: as the name of its file says.
        person_size: side of its picture, px; null: as its file says.
        person_label: number of the class "person" among its classes.
    """

    checkpoint: str
    skeleton: str = "auto"
    flip_test: bool = True
    person_checkpoint: str = (
        "https://download.openmmlab.com/mmpose/v1/projects/rtmposev1/onnx_sdk/"
        "rtmdet_nano_8xb32-100e_coco-obj365-person-05d8511e.zip"
    )
    person_model: str = "auto"
    person_size: int | None = None
    person_label: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, known in (("skeleton", SKELETONS), ("person_model", KINDS)):
            if getattr(self, name) not in ("auto", *known):
                raise ValueError(
                    f"OnnxTopDown.{name}: expected auto, {', '.join(known)}, got "
                    f"{getattr(self, name)}"
                )
        if self.person_size is not None and self.person_size < 32:
            raise ValueError(f"OnnxTopDown.person_size: expected >= 32, got {self.person_size}")

    def files(self) -> dict[str, Path]:
        """The models and boxes that are the user's own files."""
        own = {
            option: Path(os.path.expanduser(named))
            for option, named in self._named().items()
            if not named.startswith(_WEB)
        }
        return own | super().files()

    def _named(self) -> dict[str, str]:
        """Option -> file or address, of those that are used."""
        person = {"person_checkpoint": self.person_checkpoint} if self._finds_people else {}
        return person | {"checkpoint": self.checkpoint}

    def _load(self, resources: Resources) -> "_Networks":
        require_onnxruntime()
        roles = {"person_checkpoint": "person boxes", "checkpoint": "pose"}
        web = {
            roles[option]: named
            for option, named in self._named().items()
            if named.startswith(_WEB)
        }
        fetched = fetch_all(web, resources.weights_dir)
        paths = {option: fetched[role] for option, role in roles.items() if role in fetched}
        models = {
            option: load_onnx(path, f"detector.{option}", resources)
            for option, path in (paths | self.files()).items()
            if option in roles
        }
        person = None
        if self._finds_people:
            person = PersonNetwork(
                models["person_checkpoint"], self.person_model, self.person_size, self.person_label
            )
        return _Networks(PoseNetwork(models["checkpoint"], self.skeleton, self.flip_test), person)


@dataclass(frozen=True)
class _Networks:
    """See `detectors.top_down.Networks`; `person` is None if the boxes come from elsewhere."""

    pose: PoseNetwork
    person: PersonNetwork | None

    @property
    def joint_names(self) -> tuple[str, ...]:
        return self.pose.joint_names

    def people(self, pictures: list[Image]) -> list[Candidates]:
        assert self.person is not None
        return self.person.people(pictures)

    def crop(self, picture: Image, box: Float32[np.ndarray, "4"]) -> Any:
        return self.pose.crop(picture, box)

    def joints(self, crops: list[Any]) -> list[Found]:
        return self.pose.joints(crops)
