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
        ValueError: the installed trimesh ships a different viewer than the pinned one.
    """
    package = find_spec("trimesh")  # not imported: that takes a second, and we only need its file
    folder = Path(package.origin).parent if package and package.origin else Path()
    with zipfile.ZipFile(folder / _ARCHIVE) as viewer:
        text = viewer.read(_MEMBER).decode()
    begin, end = text.find(_BEGIN), text.find(_END)
    if begin < 0 or end < 0:
        raise ValueError(
            "export.page: expected three.js in trimesh as in version 5.2.0, found none; "
            "install the versions of constraints.txt"
        )
    return text[begin + len(_BEGIN) : end + len(_END)]
