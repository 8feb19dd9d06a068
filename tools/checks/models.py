"""The bodies, the pose prior and the other files that the fit and the demo read."""

from dataclasses import replace
from pathlib import Path

from tools.checks.finding import MISSING, NOTE, OK, ROOT, Finding, attempt, settings, sha256, shown

_GENDERS = ("neutral", "female", "male")
# The names in SMPL's and SMPLify's downloads, and those that smplx gives after conversion.
_OFFICIAL = {
    "neutral": ("SMPL_NEUTRAL", "basicmodel_neutral_lbs_10_207_0"),
    "female": ("SMPL_FEMALE", "basicmodel_f_lbs_10_207_0"),
    "male": ("SMPL_MALE", "basicmodel_m_lbs_10_207_0"),
}
_PLACES = ("models", "models/smpl", "body_models", "body_models/smpl", "data/smpl", "smpl")
_LOAD_BODIES = """
from fitting.body.body_model import load_body_model
for path in {paths}:
    load_body_model(path)
"""


def bodies() -> list[Finding]:
    """`<models.bodies>/<gender>.npz`, and SMPL's own files where people usually keep them."""
    folder = ROOT / settings("config.yaml")["models"]["bodies"]
    findings = [
        _file("bodies", gender, folder / f"{gender}.npz", needed=gender == "neutral")
        for gender in _GENDERS
    ]
    official = _found_official([folder, *(ROOT / place for place in _PLACES)])
    return _load(findings, folder) + official


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


def _load(findings: list[Finding], folder: Path) -> list[Finding]:
    """The same findings if the files load as bodies; otherwise which do not, and why."""
    paths = [str(folder / f"{f.name}.npz") for f in findings if f.state == OK]
    if not paths or attempt(_LOAD_BODIES.format(paths=paths))[0]:
        return findings
    tried = []
    for found in findings:
        path = folder / f"{found.name}.npz"
        loads, said = attempt(_LOAD_BODIES.format(paths=[str(path)]))
        if found.state != OK or loads:
            tried.append(found)
        else:
            advice = "git checkout -- assets"
            tried.append(replace(found, state=MISSING, detail=said, advice=advice))
    return tried


def _found_official(folders: list[Path]) -> list[Finding]:
    findings = []
    for folder in dict.fromkeys(folders):
        files = [path for path in folder.glob("*") if path.suffix in (".npz", ".pkl")]
        for path in sorted(files):
            gender = _gender_of(path.stem)
            if gender:
                advice = f"to use it: models.bodies={shown(folder)} (docs/bodies.md)"
                detail, digest = f"SMPL's own: {shown(path)}", sha256(path)
                findings.append(Finding("bodies", gender, NOTE, detail, advice, sha256=digest))
    return findings


def _gender_of(stem: str) -> str | None:
    """The finding about a file of SMPL's or SMPLify's; capitals and version numbers may differ."""
    starts = [(start.lower(), gender) for gender, names in _OFFICIAL.items() for start in names]
    return next((gender for start, gender in starts if stem.lower().startswith(start)), None)


def _file(topic: str, name: str, path: Path, needed: bool) -> Finding:
    if not path.is_file():
        advice = "git checkout -- assets, or name yours: models.*=PATH"
        return Finding(topic, name, MISSING, f"no file at {shown(path)}", advice, needed)
    digest = sha256(path)
    size = path.stat().st_size / 1e6
    detail = f"{path.name}, {size:.1f} MB, sha256 {digest[:12]}"
    return Finding(topic, name, OK, detail, "", needed, digest)
