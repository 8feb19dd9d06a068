"""Which detectors of conf/detector can run on this machine now, and the weights that they need."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tools.checks.finding import (
    MISSING,
    NOTE,
    OK,
    ROOT,
    Finding,
    attempt,
    chosen,
    settings,
    sha256,
    shown,
)

_RUN_BLAZEPOSE = """
import numpy
from pathlib import Path
from detectors.base import Resources
from detectors.blazepose import BlazePose
frame = numpy.zeros((64, 64, 3), numpy.uint8)
BlazePose().detect([frame], Resources(weights_dir=Path({folder!r})), "black")
"""
_IMPORT_MMPOSE = """
from detectors import mmcv_ops
mmcv_ops.prepare()
import mmdet.apis, mmpose.apis
"""
_IMPORT_TARGET = "import importlib; getattr(importlib.import_module({module!r}), {name!r})"


def detectors() -> list[Finding]:
    """For every file of conf/detector: ready, ready with a file of yours, or what it lacks."""
    findings = []
    mmpose: tuple[bool, str] | None = None
    for path in sorted((ROOT / "conf/detector").glob("*.yaml")):
        options = settings(f"detector/{path.name}")
        module = options["_target_"].split(".")[1]
        if module == "blazepose":
            findings.append(_blazepose(path.stem))
        elif "mmpose" in module:
            mmpose = mmpose or attempt(_IMPORT_MMPOSE)
            findings.append(_mmpose(path.stem, options, mmpose))
        elif "onnx" in module:
            findings.append(_onnx(path.stem, options))
        else:
            findings.append(_other(path.stem, options))
    return findings


def weights() -> list[Finding]:
    """The files in runtime.weights_dir, checked against the digests in their names."""
    folder = _weights_dir()
    files = sorted(path for path in folder.glob("*") if path.suffix in (".pth", ".task", ".zip"))
    if not files:
        detail = f"nothing in {shown(folder)}"
        return [Finding("weights", "downloaded", NOTE, detail, "fetched or made at the first use")]
    return [_weight(path) for path in files]


def _blazepose(name: str) -> Finding:
    ran, said = attempt(_RUN_BLAZEPOSE.format(folder=str(_weights_dir())))
    if ran:
        return Finding("detectors", name, OK, "runs; its weights come with mediapipe", "", True)
    advice = "make setup (mediapipe 0.10.21 is the last release with the weights)"
    return Finding("detectors", name, MISSING, said, advice, True)


def _mmpose(name: str, options: dict[str, Any], imported: tuple[bool, str]) -> Finding:
    if not imported[0]:
        advice = "make setup; until then detector=blazepose"
        return Finding("detectors", name, MISSING, imported[1], advice)
    if options["config"] == "???":
        detail = "runs with a model of yours: detector.config=CONFIG detector.checkpoint=FILE"
        return Finding("detectors", name, OK, detail)
    from detectors.checkpoints import find_config, published_url
    from detectors.downloads import missing
    from detectors.mmpose_models import install_line, missing_package

    absent = {}
    for prefix, role in (("person_", "person boxes"), ("", "pose")):
        config, own = options[f"{prefix}config"], options[f"{prefix}checkpoint"]
        if own and not Path(own).is_file():
            advice = f"name the file: detector.{prefix}checkpoint=FILE"
            return Finding("detectors", name, MISSING, f"no file at {own}", advice)
        try:
            if package := missing_package(find_config(config).read_text()):
                detail, advice = f"needs the package {package}", install_line(package)
                return Finding("detectors", name, NOTE, detail, advice)
            if own:
                continue
            url = published_url(config)
        except FileNotFoundError as error:  # there is no such config, or no published weights
            advice = f"name your file: detector.{prefix}checkpoint=FILE"
            return Finding("detectors", name, MISSING, str(error), advice)
        absent |= missing({role: url}, _weights_dir())
    if not absent:
        return Finding("detectors", name, OK, "ready: mmpose imports, weights are there")
    return _without_weights(name, "mmpose imports", absent)


def _onnx(name: str, options: dict[str, Any]) -> Finding:
    from detectors.downloads import missing
    from detectors.mmpose_models import install_line

    if find_spec("onnxruntime") is None:
        advice = install_line("onnxruntime")
        return Finding("detectors", name, NOTE, "needs the package onnxruntime", advice)
    named = {"person boxes": options["person_checkpoint"], "pose": options["checkpoint"]}
    absent = missing(named, _weights_dir())
    if not absent:
        return Finding("detectors", name, OK, "ready: onnxruntime and the models are there")
    return _without_weights(name, "onnxruntime is here", absent)


def _without_weights(name: str, ready: str, absent: dict[str, str]) -> Finding:
    """Files that the first run would fetch; for the default detector, also how to bring them
    here."""
    from detectors.downloads import command_for, name_of

    if name != chosen("detector"):
        detail = f"{ready}; weights are not here yet"
        advice = "the first run fetches them, or says how to; without network detector=blazepose"
        return Finding("detectors", name, NOTE, detail, advice)
    named = " and ".join(f"{name_of(url)} ({role})" for role, url in absent.items())
    detail = f"the default; {ready}, missing: {named}"
    advice = (
        "the first run fetches them; without network, run the command below on another machine and "
        f"put the files into {_weights_dir().resolve()}, or use detector=blazepose"
    )
    return Finding("detectors", name, NOTE, detail, advice, command=command_for(absent))


def _other(name: str, options: dict[str, Any]) -> Finding:
    module, _, kind = options["_target_"].rpartition(".")
    imported, said = attempt(_IMPORT_TARGET.format(module=module, name=kind))
    if not imported:
        return Finding("detectors", name, MISSING, said, "make setup")
    asked = [f"detector.{key}=..." for key, value in options.items() if value == "???"]
    needs = f"runs with a file of yours: {' '.join(asked)}" if asked else "ready"
    return Finding("detectors", name, OK, needs)


def _weight(path: Path) -> Finding:
    from detectors.downloads import promised_digest

    digest, promised = sha256(path), promised_digest(path.name)
    if promised and not digest.startswith(promised):
        detail = f"damaged or another file: sha256 {digest[:12]}, its name says {promised}"
        return Finding("weights", path.name, MISSING, detail, f"rm {shown(path)}", sha256=digest)
    known = " as its name says" if promised else ""
    size = path.stat().st_size / 1e6
    return Finding(
        "weights", path.name, OK, f"{size:.1f} MB, sha256 {digest[:12]}{known}", sha256=digest
    )


def _weights_dir() -> Path:
    return ROOT / settings("config.yaml")["runtime"]["weights_dir"]
