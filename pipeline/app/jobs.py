"""What the page knows about one job: its files, its choices, how far it is, and what came out."""

import re
import time
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from pipeline.app.results import Result
from pipeline.inputs.clips import PeopleChoice
from pipeline.inputs.kinds import PHOTO_SUFFIXES, UNREAD_SUFFIXES, VIDEO_SUFFIXES

FORMATS = ("glb", "obj", "ply", "amass", "bvh", "smpl")
"""What can be asked for beside npz, picture and page, which every run writes."""

_ALWAYS = ("npz", "picture", "page")
_FOCAL = re.compile(r"\d{1,6}(\.\d{1,3})?(mm)?")
_LONGEST = 120  # characters of a name that are shown


class RefusedError(Exception):
    """Something the page does not do; the text says why, `status` is HTTP's number for it."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class State(Enum):
    """collecting: files may come. waiting, running. done, failed, cancelled: it has ended."""

    collecting = "collecting"
    waiting = "waiting"
    running = "running"
    done = "done"
    failed = "failed"
    cancelled = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing happens any more."""
        return self in (State.done, State.failed, State.cancelled)


@dataclass(frozen=True)
class Choices:
    """What the page lets one choose; checked here, because a browser may send anything."""

    people: PeopleChoice = PeopleChoice.all
    focal_length: str = ""
    formats: tuple[str, ...] = ()

    @classmethod
    def of(cls, sent: object) -> "Choices":
        """From JSON; RefusedError says what is wrong."""
        sent = sent if isinstance(sent, dict) else {}
        people, formats = sent.get("people", "all"), sent.get("formats", [])
        focal = str(sent.get("focal_length") or "").replace(" ", "").removesuffix("px")
        if people not in [choice.value for choice in PeopleChoice]:
            raise RefusedError(400, "People: expected all or largest.")
        if focal and not _FOCAL.fullmatch(focal):
            raise RefusedError(400, "Focal length: expected pixels (1800) or millimetres (28mm).")
        if not (isinstance(formats, list) and all(name in FORMATS for name in formats)):
            raise RefusedError(400, f"Formats: expected some of {', '.join(FORMATS)}.")
        return cls(PeopleChoice(people), focal, tuple(name for name in FORMATS if name in formats))

    def words(self) -> list[str]:
        """As settings of a run."""
        focal = [f"data.focal_length={self.focal_length}"] if self.focal_length else []
        formats = f"export=[{','.join((*_ALWAYS, *self.formats))}]"
        return [f"data.people={self.people.value}", *focal, formats]


@dataclass(frozen=True)
class Upload:
    """A file of a job. On disk it has a number of ours; the name it came with is only text."""

    number: int
    name: str
    path: Path
    size: int

    @property
    def stem(self) -> str:
        """Its name without the ending, for the names of downloads."""
        return Path(self.name).stem


@dataclass(eq=False)
class Job:
    """One job; only the desk (desk.py) changes it.

    Args:
        id: a long random text, so that nobody can guess another's job.
        folder: everything of the job is in it.
        progress: how far each stage is, done and total, in the order in which they began.
        touched: when somebody last asked about it, by time.monotonic.
    """

    id: str
    folder: Path
    state: State = State.collecting
    choices: Choices = Choices()
    uploads: list[Upload] = field(default_factory=list)
    progress: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    message: str = ""
    result: Result | None = None
    touched: float = field(default_factory=time.monotonic)
    numbers: int = 0

    @property
    def inputs(self) -> Path:
        """Where its files are."""
        return self.folder / "in"

    @property
    def outputs(self) -> Path:
        """Where the run writes."""
        return self.folder / "out"

    def plain(self, text: str) -> str:
        """A message of the run with the names that the user knows in place of our paths."""
        for upload in sorted(self.uploads, key=lambda upload: -len(str(upload.path))):
            text = text.replace(str(upload.path), upload.name)
        return text.replace(f"{self.folder}/", "")


def shown_name(name: str) -> str:
    """A file's name as text: its last part, in one line, not too long."""
    last = name.replace("\\", "/").rpartition("/")[2]
    text = "".join(c for c in last if c.isprintable()).strip().lstrip(".")
    if len(text) > _LONGEST:
        ending = Path(text).suffix[:10]
        text = text[: _LONGEST - len(ending)] + ending
    return text or "file"


def suffix_of(name: str) -> str:
    """The ending under which a file is stored: one of a fixed list.

    Raises:
        RefusedError: it is of no photo or clip.
    """
    suffix = Path(name).suffix.lower()
    for known in (*PHOTO_SUFFIXES, *VIDEO_SUFFIXES):
        if suffix == known:
            return known
    if suffix in UNREAD_SUFFIXES:
        raise RefusedError(415, f"{suffix} files are not read: convert it to JPEG.")
    raise RefusedError(415, "This is neither a photo nor a clip: expected JPEG, PNG, MP4, MOV ...")
