"""`export=[page]`: index.html, a gallery of the run with every input in 3-D. No network is needed.

Browsers let a page that was opened by double click load scripts but no other files. That is why the
3-D views are in page/<name>.js. Each loads when somebody opens it.
"""

import base64
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.about import settings, versions
from pipeline.config import Config
from pipeline.inputs.images import USUAL_FPS
from pipeline.outputs.glb import Glb
from pipeline.outputs.page.backdrop import backdrop_stage
from pipeline.outputs.page.three_js import three_js
from pipeline.outputs.summary import Entry
from pipeline.outputs.writer import Files, Run, Writer, write_file
from pipeline.stages.render import PictureFile
from pipeline.stages.sequence import result_of, world_of
from pipeline.stages.stage import Job, Stage
from pipeline.storage.cache import key_of

FOLDER = "page"
_HERE = Path(__file__).parent
_VERSION = 1  # raised when the same fit gives a different view
_SCRIPTS = ("gallery.js", "viewer.js")
_MIME = {".jpg": "image/jpeg", ".mp4": "video/mp4"}


@dataclass
class Page(Writer):
    """The page of a run.

    Args:
        single: put everything into index.html; otherwise large parts go into the folder page/.
        max_side: px of the longer side of photos and frames behind the bodies.
    """

    single: bool
    max_side: int

    def __post_init__(self) -> None:
        if not 64 <= self.max_side <= 8192:
            raise ValueError(f"export.page.max_side: expected 64..8192 px, got {self.max_side}")

    def stages(self, config: Config) -> list[Stage]:
        """The bodies as GLB, and their backdrop."""
        return [*Glb().stages(config), backdrop_stage(self.max_side)]

    def write(self, job: Job, run: Run) -> Files:
        """Write the 3-D view of one input as a script."""
        name = f"{FOLDER}/{job.clip.name}.js"
        if self.single:
            return {}
        (run.folder / FOLDER).mkdir(parents=True, exist_ok=True)
        stamp = f"// {_identity(job)}\n"
        if not _begins_with(run.folder / name, stamp):
            write_file(run.folder / name, (stamp + _view_script(job)).encode())
        return {"view": name}

    def close(self, run: Run, summary: dict[str, Any]) -> None:
        """Write the gallery, and the scripts that all views share."""
        inputs = [_input(entry) for entry in summary["inputs"] if entry["status"] == "fitted"]
        scripts = {name: (_HERE / name).read_text() for name in _SCRIPTS}
        about = _about(run.config, summary) | {"inputs": inputs}
        first = f"const RUN = {_as_script(about)};"
        if self.single:
            _inline_pictures(about, run.folder)
            views = "".join(_view_script(job) for job in run.jobs)
            parts = [f"const RUN = {_as_script(about)};", three_js(), scripts["viewer.js"], views]
            text = _html([*parts, scripts["gallery.js"]])
        else:
            (run.folder / FOLDER).mkdir(parents=True, exist_ok=True)
            write_file(run.folder / FOLDER / "three.js", three_js().encode())
            write_file(run.folder / FOLDER / "viewer.js", scripts["viewer.js"].encode())
            text = _html([first, scripts["gallery.js"]])
        write_file(run.folder / "index.html", text.encode())


def _html(scripts: list[str]) -> str:
    page = (_HERE / "index.html").read_text()
    style = (_HERE / "page.css").read_text()
    page = page.replace("<!--style-->", f"<style>\n{style}</style>")
    inline = "\n".join(f"<script>\n{script}\n</script>" for script in scripts)
    return page.replace("<!--scripts-->", inline)


def _as_script(value: Any) -> str:
    """JSON that stays text inside a <script>: nothing in it can end the element or begin one."""
    text = json.dumps(value)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _view_script(job: Job) -> str:
    """What the viewer needs for one input; scripts may load in any order."""
    name = _as_script(job.clip.name)
    return f"window.VIEWS = window.VIEWS || {{}};\nVIEWS[{name}] = {_as_script(_view(job))};\n"


def _view(job: Job) -> dict[str, Any]:
    """The GLB, its backdrop, and the camera of both."""
    result, facts = result_of(job), job.clip.facts()
    fitted = result[result.fitted]
    glb = job.results["glb"].load().files()[".glb"]
    people = []
    for track in sorted(set(fitted.track.tolist())):
        error = float(fitted.expected_error[fitted.track == track].mean())
        people.append(
            {"track": track, "expected_error_mm": round(1000 * error, 1) if error else None}
        )
    return {
        "glb": base64.b64encode(glb).decode(),
        "backdrop": _data_url(job.results["backdrop"].load()),
        "image_size": list(facts.image_size),
        "focal_length": float(fitted.camera.focal_length[0]),
        "center": fitted.camera.center[0].tolist(),
        "fps": facts.fps or USUAL_FPS,
        "n_frames": int(result.frame.max()) + 1,
        "floor": world_of(job) is not None,
        "people": people,
    }


def _data_url(picture: PictureFile) -> str:
    content = base64.b64encode(picture.content.tobytes()).decode()
    return f"data:{_MIME[picture.suffix]};base64,{content}"


def _input(entry: Entry) -> dict[str, Any]:
    """What the gallery shows for an input."""
    people = [
        {"track": p["track"], "expected_error_mm": p["expected_error_mm"]} for p in entry["people"]
    ]
    files = entry["files"]
    return {
        "name": entry["name"],
        "people": people,
        "picture": files.get("picture"),
        "view": files.get("view"),
    }


def _inline_pictures(about: dict[str, Any], folder: Path) -> None:
    """Put the pictures of the gallery into the page itself."""
    for entry in about["inputs"]:
        if entry["picture"]:
            path = folder / entry["picture"]
            content = base64.b64encode(path.read_bytes()).decode()
            entry["picture"] = f"data:{_MIME[path.suffix]};base64,{content}"


def _about(config: Config, summary: dict[str, Any]) -> dict[str, Any]:
    """Title, counts, reasons, settings and versions."""
    people, when = summary["people"], time.strftime("%Y-%m-%d %H:%M")
    inputs = _count(summary["fitted"], "input", "inputs")
    skipped = f", {summary['skipped']} skipped" if summary["skipped"] else ""
    return {
        "title": f"Bodies fitted to {inputs}",
        "counts": f"{_count(people, 'person', 'people')} in {inputs}{skipped}. {when}",
        "skipped": [e["reason"] for e in summary["inputs"] if e["status"] == "skipped"],
        "settings": settings(config),
        "versions": versions(),
    }


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _identity(job: Job) -> str:
    return key_of("view", _VERSION, job.results["glb"].key, job.results["backdrop"].key)


def _begins_with(path: Path, stamp: str) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(stamp)) == stamp.encode()
