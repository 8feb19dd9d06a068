"""The bodies, the pose prior and what else the fit and the demo read."""

from pathlib import Path

from tools.checks.finding import MISSING, NOTE, OK, ROOT, Finding, attempt, settings, sha256

_GENDERS = ("neutral", "female", "male")
# As SMPL's and SMPLify's downloads name them, and smplx after its conversion.
_OFFICIAL = {
    "neutral": ("SMPL_NEUTRAL", "basicModel_neutral_lbs_10_207_0_v1.0.0", "basicmodel_neutral_lbs_10_207_0_v1.1.0"),
    "female": ("SMPL_FEMALE", "basicModel_f_lbs_10_207_0_v1.0.0", "basicmodel_f_lbs_10_207_0_v1.1.0"),
    "male": ("SMPL_MALE", "basicmodel_m_lbs_10_207_0_v1.0.0", "basicmodel_m_lbs_10_207_0_v1.1.0"),
}  # fmt: skip
_PLACES = ("models", "models/smpl", "body_models", "body_models/smpl", "data/smpl", "smpl")
_LOAD_BODY = "from fitting.body_model import load_body_model; load_body_model({path!r})"


def bodies() -> list[Finding]:
    """`<models.bodies>/<gender>.npz`, and SMPL's own files where people usually keep them."""
    folder = ROOT / settings("config.yaml")["models"]["bodies"]
    findings = [_body(folder / f"{gender}.npz", gender) for gender in _GENDERS]
    official = _found_official([folder, *(ROOT / place for place in _PLACES)])
    return findings + official or findings


def assets() -> list[Finding]:
    """Files that conf/config.yaml and the demo name."""
    models = settings("config.yaml")["models"]
    named = [(key, models[key]) for key in models if key != "bodies"]
    demo = settings("experiment/demo.yaml")["data"]["path"]
    clip = settings("experiment/demo_video.yaml")["data"]["path"]
    pictures = sorted(ROOT.glob(demo))
    has_demo = bool(pictures) and (ROOT / clip).is_file()
    detail = f"{len(pictures)} pictures" + (" and the clip" if (ROOT / clip).is_file() else "")
    found = [_file("assets", f"models.{key}", ROOT / path, needed=True) for key, path in named]
    restore = "git checkout -- assets"
    state = OK if has_demo else MISSING
    return [*found, Finding("assets", "demo", state, detail, "" if has_demo else restore, True)]


def _body(path: Path, gender: str) -> Finding:
    """Present and readable; only the neutral one is in the demo."""
    found = _file("bodies", gender, path, needed=gender == "neutral")
    if found.state is not OK:
        return found
    loads, said = attempt(_LOAD_BODY.format(path=str(path)))
    if loads:
        return found
    return Finding("bodies", gender, MISSING, said, "git checkout -- assets", found.needed)


def _found_official(folders: list[Path]) -> list[Finding]:
    findings = []
    for folder in dict.fromkeys(folders):
        for gender, stems in _OFFICIAL.items():
            paths = (folder / f"{stem}{end}" for stem in stems for end in (".npz", ".pkl"))
            for path in filter(Path.is_file, paths):
                advice = f"use it as {gender}.npz of a folder of yours: models.bodies=FOLDER"
                if path.suffix == ".pkl":
                    advice += " (an .npz without pickles: docs/bodies.md)"
                findings.append(
                    Finding("bodies", path.name, NOTE, str(path), advice, sha256=sha256(path))
                )
    return findings


def _file(topic: str, name: str, path: Path, needed: bool) -> Finding:
    if not path.is_file():
        advice = "git checkout -- assets, or name yours: models.*=PATH"
        return Finding(topic, name, MISSING, f"no file at {path}", advice, needed)
    digest = sha256(path)
    size = path.stat().st_size / 1e6
    detail = f"{path.name}, {size:.1f} MB, sha256 {digest[:12]}"
    return Finding(topic, name, OK, detail, "", needed, digest)
