"""What a process does to the world: files it writes, programs it starts, hosts it talks to."""

import os
import sys
from pathlib import Path

from pipeline import pipeline
from pipeline.config import Config
from run import finish

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# The event of sys.audit and which of its arguments are paths that it changes.
_CHANGES = {
    "os.mkdir": 1,
    "os.remove": 1,
    "os.rmdir": 1,
    "os.rename": 2,
    "os.link": 2,
    "os.symlink": 2,
    "os.chmod": 1,
    "os.truncate": 1,
    "shutil.rmtree": 1,
}
_PROGRAMS = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "pty.spawn")
_HOSTS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.bind")
_CODE = ("pickle.find_class",)


def alone(config: Config, *folders: Path) -> None:
    """`run.py` that ends with code 80 where it writes outside the folders, starts a program other
    than ffmpeg, unpickles a name, or asks for the network. For a process of its own."""
    from imageio_ffmpeg import get_ffmpeg_exe

    allowed, ffmpeg = [os.path.realpath(folder) for folder in folders], get_ffmpeg_exe()

    def outside(path: object) -> bool:
        if isinstance(path, int) or path is None:
            return False
        place = os.path.realpath(os.fsdecode(path))  # pyright: ignore[reportArgumentType]
        return not any(place == f or place.startswith(f + os.sep) for f in [*allowed, "/dev/null"])

    def refused(event: str, arguments: tuple) -> bool:
        if event == "open":
            return bool((arguments[2] or 0) & _WRITING) and outside(arguments[0])
        if event in _CHANGES:
            return any(outside(path) for path in arguments[: _CHANGES[event]])
        if event in _PROGRAMS:
            return event != "subprocess.Popen" or arguments[0] != ffmpeg
        return event in _HOSTS or event in _CODE

    def hook(event: str, arguments: tuple) -> None:
        if refused(event, arguments):
            sys.stderr.write(f"not allowed: {event} {arguments}\n")
            sys.stderr.flush()
            os._exit(80)

    sys.addaudithook(hook)
    finish(lambda: pipeline.run(config))
