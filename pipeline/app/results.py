"""What a finished run left in its folder, as the page shows it and hands it out."""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TITLES = {"parameters": "npz"}
_MOST_LINKS = 6  # files of one format; more are in the archive only
_PAGE = "3-D page"  # folder of the archive


@dataclass(frozen=True)
class Result:
    """What came out.

    Args:
        entries: what the page shows of each input, by the number of its file.
        files: what a browser may ask for, by its path in the output folder. What is asked for is
            looked up here and never used as a path.
        saved_as: the names that downloads get, by the same keys.
    """

    entries: dict[int, dict[str, Any]]
    files: dict[str, Path]
    saved_as: dict[str, str]

    def archive(self, path: Path) -> None:
        """Write everything into one zip: the downloads, and the page in a folder of its own."""
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for key, name in _distinct(self.saved_as):
                archive.write(self.files[key], name)
            for key, file in self.files.items():
                if key == "index.html" or key.startswith("page/") or _is_picture(key):
                    archive.write(file, f"{_PAGE}/{key}")


def result_of(folder: Path, numbers: dict[str, int], stems: dict[int, str]) -> Result:
    """Read what a run wrote.

    Args:
        folder: its output folder.
        numbers: of the files that it was given, by their paths.
        stems: the names by which the user knows them, without endings.

    Raises:
        OSError, ValueError: there is no summary, or it cannot be read.
    """
    summary = json.loads((folder / "summary.json").read_text())
    files = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
    entries, saved_as = {}, {}
    for entry in summary["inputs"]:
        number = numbers.get(entry["source"])
        if number is None:
            continue
        downloads = list(_downloads(entry.get("files", {}), files))
        for key, _ in downloads:
            saved_as[key] = _saved_as(key, str(entry["name"]), stems[number])
        entries[number] = _shown(entry, downloads)
    return Result(entries, files, saved_as)


def _shown(entry: dict[str, Any], downloads: list[tuple[str, str]]) -> dict[str, Any]:
    titles = [title for _, title in downloads]
    links = [
        {"key": key, "title": title}
        for key, title in downloads
        if titles.count(title) <= _MOST_LINKS
    ]
    more = {title: titles.count(title) for title in titles if titles.count(title) > _MOST_LINKS}
    people = [
        {"track": p["track"], "expected_error_mm": p["expected_error_mm"], "frames": p["frames"]}
        for p in entry.get("people", [])
    ]
    pictures = [key for key, title in downloads if title == "picture"]
    return {
        "status": entry["status"],
        "view": entry["name"] if "files" in entry else None,
        "reason": entry.get("reason", ""),
        "people": people,
        "links": links,
        "more": more,
        "picture": pictures[0] if pictures else None,
        "report": entry.get("report"),
    }


def _downloads(written: dict[str, Any], files: dict[str, Path]) -> Iterator[tuple[str, str]]:
    """Keys and titles of the files of one input."""
    for title, paths in written.items():
        for key in [paths] if isinstance(paths, str) else paths:
            if title != "view" and key in files:
                yield key, _TITLES.get(title, title)


def _saved_as(key: str, ours: str, stem: str) -> str:
    """`1-person0.bvh` -> `holiday-person0.bvh`, `1-obj/person0.obj` -> `holiday-person0.obj`."""
    first, _, last = key.rpartition("/")
    return f"{stem}-{last}" if first else stem + last.removeprefix(ours)


def _distinct(names: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Keys and names; where two inputs have the same name, the second gets a number."""
    taken: set[str] = set()
    for key, name in names.items():
        path, number = Path(name), 2
        while name in taken:
            name, number = f"{path.stem} ({number}){path.suffix}", number + 1
        taken.add(name)
        yield key, name


def _is_picture(key: str) -> bool:
    return "/" not in key and key.endswith((".jpg", ".mp4"))
