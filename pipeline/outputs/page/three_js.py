"""three.js with its glTF reader, read at run time from the viewer in trimesh's wheel (MIT)."""

import zipfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_ARCHIVE, _MEMBER = "resources/templates/viewer.zip", "viewer.html.template"
_BEGIN, _END = "<script>", "THREE.GLTFLoader=GLTFLoader;})();"


@cache
def three_js() -> str:
    """The script that defines `THREE`, and `THREE.GLTFLoader` in it.

    Raises:
        ValueError: the installed trimesh ships another viewer than the pinned one.
    """
    package = find_spec("trimesh")  # not imported: it takes a second, and only its file is wanted
    folder = Path(package.origin).parent if package and package.origin else Path()
    with zipfile.ZipFile(folder / _ARCHIVE) as viewer:
        text = viewer.read(_MEMBER).decode()
    begin, end = text.find(_BEGIN), text.find(_END)
    if begin < 0 or end < 0:
        raise ValueError(
            "export.page: the installed trimesh has no three.js where version 5.2.0 has it; "
            "install the versions of constraints.txt"
        )
    return text[begin + len(_BEGIN) : end + len(_END)]
