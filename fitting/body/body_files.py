"""Finds the body of a gender, by this project's names and by those of official files."""

import re
from pathlib import Path

from fitting.body.body_fields import model_named

_LETTERS = {"neutral": "neutral", "female": "f", "male": "m"}
GENDERS = tuple(_LETTERS)
_FOLDERS = ("", "smpl", "models", "smpl/models")  # the folders of official archives and of smplx
_OFFICIAL = re.compile(r"SMPL_(neutral|female|male)\.|basicmodel_(neutral|f|m)_", re.IGNORECASE)
_REGRESSORS = {"neutral": "hybrid", "female": "female", "male": "male"}


def matching_bodies(place: str | Path, gender: str) -> list[Path]:
    """Every file that could be the body of a gender, in order of preference.

    In each folder: this project's name, then SMPL_*.npz, SMPL_*.pkl, then basicmodel_*.pkl, the
    newest version first. The folder itself comes first, then smpl, models and smpl/models in it.

    Args:
        place: a folder; or a file, which is then the only match, whatever its name.
        gender: neutral, female or male.
    """
    place = Path(place)
    if place.is_file():
        return [place]
    found: list[Path] = []
    for folder in _FOLDERS:
        for pattern in _patterns(gender):
            found += sorted(
                (p for p in (place / folder).glob(pattern) if p.is_file()), reverse=True
            )
    return found


def find_body(place: str | Path, gender: str) -> Path:
    """The first of `matching_bodies`.

    Raises:
        FileNotFoundError: there is none; the message lists the names that were tried.
    """
    found = matching_bodies(place, gender)
    if found:
        return found[0]
    if not Path(place).is_dir():
        raise FileNotFoundError(f"no file or folder at {place}")
    names = ", ".join(_patterns(gender)).replace("[mM]", "m")
    folders = ", ".join(folder for folder in _FOLDERS if folder)
    raise FileNotFoundError(
        f"no {gender} body in {place}: expected {names}; there or in {folders}"
        f"{_other_model(Path(place))}"
    )


def find_regressors(body: str | Path) -> Path | None:
    """SMPLify's capsule regressors for an official body, if they lie next to it.

    Bodies under other names have none, because nothing tells whose regressors these are.
    """
    named = _OFFICIAL.match(Path(body).name)
    if not named:
        return None
    word = (named[1] or named[2]).lower()
    gender = next(gender for gender, letter in _LETTERS.items() if word in (gender, letter))
    path = Path(body).parent / f"regressors_locked_normalized_{_REGRESSORS[gender]}.npz"
    return path if path.is_file() else None


def _other_model(place: Path) -> str:
    """The part of a message about another model in a folder or in one of its subfolders."""
    for path in sorted((*place.glob("*"), *place.glob("*/*"))):
        model = model_named(path) if path.suffix in (".npz", ".pkl") else None
        if model and (path.parent == place or model_named(path.parent) == model):
            return f"; {path.relative_to(place)} in it is {model}, which cannot be used for SMPL"
    return ""


def is_official(body: str | Path) -> bool:
    """Whether a body has a name of SMPL's own files, whose betas mean the same to everybody."""
    return _OFFICIAL.match(Path(body).name) is not None


def _patterns(gender: str) -> tuple[str, ...]:
    return (
        f"{gender}.npz",
        f"{gender}.pkl",
        f"SMPL_{gender.upper()}.npz",
        f"SMPL_{gender.upper()}.pkl",
        f"basic[mM]odel_{_LETTERS[gender]}_lbs_10_207_0_v*.pkl",
    )
