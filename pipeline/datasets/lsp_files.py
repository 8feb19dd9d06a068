"""The Leeds Sports Pose data set on a user's disk, in any layout that people have."""

import logging
import math
import re
import zipfile
import zlib
from pathlib import Path, PurePosixPath

import numpy as np

from fitting.fit_config import Gender
from pipeline.evaluation.pck import Annotation
from pipeline.inputs.clips import NoClipsError
from pipeline.storage.cache import digest
from pipeline.storage.whole_files import replacing

_log = logging.getLogger(__name__)

COUNT = 2000
_IMAGE = re.compile(r"im\d{4}\.jpg")
_IMAGE_FOLDERS = ("images", "lsp", "")  # the zip has the same names in visualized/
_JOINTS = "joints.mat"
_MOST = 50_000_000  # bytes of one file in the zip; LSP's have 10 000, joints.mat 350 000
_MOST_IN_ALL = 1_000_000_000  # LSP has 36 MB, in its original size 400 MB
_GENDERS = {"0": Gender.male, "1": Gender.female}
WHERE = (
    "LSP may not be passed on with this project (research use only) and its original link "
    "http://sam.johnson.io/research/lsp.html is dead: find a copy of lsp_dataset.zip and give it, "
    "or the folder that it unpacks to, as data.root (docs/lsp.md)"
)


def lsp_root(root: Path, unpack_to: Path) -> Path:
    """The folder of the data set; a zip of it is unpacked first, once.

    Args:
        root: a folder, or the zip.
        unpack_to: folder for unpacked zips.

    Raises:
        NoClipsError: nothing is there, or it is not a zip of LSP.
    """
    if root.is_dir():
        return root
    if not root.is_file():
        raise NoClipsError(f"data.root: expected a folder or zip at {root}, found nothing. {WHERE}")
    try:
        with zipfile.ZipFile(root) as archive:
            return _unpacked(archive, unpack_to / digest(root)[:12])
    except OSError:  # the disk's error, not the zip's
        raise
    # A damaged zip can raise nearly anything: EOFError, zlib.error; RuntimeError for a password.
    except Exception as error:
        raise NoClipsError(f"data.root: {root} is not a readable zip ({error})") from error


def image_folder(root: Path) -> Path:
    """The folder of im0001.jpg ...: images/lsp/, images/, or the folder itself."""
    for folder in (root / "images" / "lsp", root / "images", root):
        if any(folder.glob("im[0-9][0-9][0-9][0-9].jpg")):
            return folder
    return root / "images"


def image_paths(root: Path, numbers: range) -> list[Path]:
    """The images with these numbers.

    Raises:
        NoClipsError: one is missing.
    """
    folder = image_folder(root)
    paths = [folder / f"im{number:04d}.jpg" for number in numbers]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise NoClipsError(
            f"data.root: {len(missing)} of {len(paths)} LSP images are missing, first "
            f"{missing[0]}. {WHERE}"
        )
    return paths


def annotation_path(root: Path) -> Path:
    """joints.mat, next to the folder images, in it, or next to the images.

    Raises:
        NoClipsError: it is in none of them.
    """
    folder = image_folder(root)
    for place in (root, folder, folder.parent):
        if (place / _JOINTS).is_file():
            return place / _JOINTS
    raise NoClipsError(f"data.root: no {_JOINTS} in {root}: expected the annotated joints. {WHERE}")


def read_annotation(path: Path) -> Annotation:
    """All 2000 people; the array may have its three axes in any order.

    Raises:
        NoClipsError: it is not such a file; the message says what was expected and found.
    """
    from scipy.io import loadmat, whosmat

    try:
        claimed = {name: shape for name, shape, _ in whosmat(path)}.get("joints", ())
        if math.prod(claimed) > 3 * 14 * 10 * COUNT:
            raise ValueError(f"it states an array of shape {claimed}")
        joints = loadmat(path, variable_names=["joints"]).get("joints")
    # A damaged file can raise nearly anything: MatReadError, zlib.error, NotImplementedError, ...
    except Exception as error:
        raise NoClipsError(f"{path}: not LSP's joints.mat ({error})") from error
    shape = None if joints is None else joints.shape
    if joints is None or sorted(joints.shape) != [3, 14, COUNT]:
        raise NoClipsError(
            f"{path}: expected an array `joints` of shape (3, 14, {COUNT}) in any order, got "
            f"{shape}; (14, 3, 10000) is the extended training set, a different data set"
        )
    order = [joints.shape.index(size) for size in (COUNT, 14, 3)]
    joints = joints.transpose(order).astype(np.float64)
    if not np.isfinite(joints).all() or not np.isin(joints[..., 2], (0, 1)).all():
        raise NoClipsError(
            f"{path}: expected finite x, y and a flag of 0 or 1 for each joint, got others"
        )
    return Annotation(joints[..., :2], joints[..., 2] == 0)  # the flag means occluded


def read_genders(path: Path) -> list[Gender]:
    """lsp_gender.csv: one line for each of the 2000 images, 0 male, 1 female.

    Raises:
        NoClipsError: it is not such a file.
    """
    try:
        lines = path.read_text().split()
    except (OSError, UnicodeDecodeError) as error:
        raise NoClipsError(f"data.genders: {path} cannot be read ({error})") from error
    wrong = [line for line in lines if line not in _GENDERS]
    if len(lines) != COUNT or wrong:
        what = f"the line {wrong[0]!r}" if wrong else f"{len(lines)} lines"
        raise NoClipsError(
            f"data.genders: expected {COUNT} lines of 0 (male) or 1 (female), got {what} in {path}"
        )
    return [_GENDERS[line] for line in lines]


def by_number(option: str, folder: Path, numbers: range) -> dict[int, Path]:
    """Files of a folder by the first number in their names: im0001.png, 0001_mask.png.

    Raises:
        NoClipsError: there is no file for one of the numbers.
    """
    named = [(re.search(r"\d+", path.name), path) for path in sorted(folder.glob("*.png"))]
    found = {int(match[0]): path for match, path in reversed(named) if match}
    missing = [number for number in numbers if number not in found]
    if missing:
        raise NoClipsError(
            f"{option}: {len(missing)} of {len(numbers)} images have no png in {folder}, the first "
            f"is number {missing[0]:04d}"
        )
    return {number: found[number] for number in numbers}


def _unpacked(archive: zipfile.ZipFile, folder: Path) -> Path:
    """Write the images and joints.mat, under names that we choose: no path of the zip is
    followed."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    total = 0
    for member in archive.infolist():
        place = PurePosixPath(member.filename)
        if place.name == _JOINTS:
            target = folder / _JOINTS
        elif _IMAGE.fullmatch(place.name) and place.parent.name in _IMAGE_FOLDERS:
            target = folder / "images" / place.name
        else:
            continue
        if member.file_size > _MOST:
            raise zipfile.BadZipFile(f"{member.filename}: {member.file_size} bytes are too many")
        total += member.file_size
        if total > _MOST_IN_ALL:
            raise zipfile.BadZipFile(f"more than {_MOST_IN_ALL} bytes of images")
        if not _is_there(target, member):
            with replacing(target) as temporary:
                temporary.write_bytes(archive.read(member))
    return folder


def _is_there(target: Path, member: zipfile.ZipInfo) -> bool:
    """Whether a member has been unpacked before, undamaged."""
    try:
        content = target.read_bytes()
    except FileNotFoundError:
        return False
    if len(content) == member.file_size and zlib.crc32(content) == member.CRC:
        return True
    _log.warning("%s: damaged; unpacking it again", target)
    return False
