"""`python run.py app`: serve the page on this machine until Ctrl-C."""

import socket
import sys
from functools import partial

from pipeline import interrupts
from pipeline.app.folders import own_folder
from pipeline.app.settings import AppSettings, check_runs, named_like_a_file, settings_of
from pipeline.config import ConfigError

_INSTALL = (
    "error: app: the page needs the packages starlette and uvicorn: start it with 'make app', or "
    "install them with 'pip install -c constraints.txt starlette uvicorn'"
)
_AMBIGUOUS = (
    "error: app: this word starts the page, but a file or folder here is called app, too: write "
    "./app to fit what is in it, or --app to start the page"
)
_GRACE = 2  # s for answers that are under way when the server ends


def start(words: list[str]) -> None:
    """Serve the page.

    Args:
        words: the command line after the program's name; the first is `app`.

    Raises:
        SystemExit: something is wrong, in one line; or a signal came, which is the usual end.
    """
    if named_like_a_file(words[0]):
        sys.exit(_AMBIGUOUS)
    interrupts.catch(quietly=True)  # there is nothing to go on from
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        sys.exit(_INSTALL)
    try:
        settings, rest = settings_of(words[1:])
        check_runs(rest)
        listening = _listen(settings.port)
    except ConfigError as error:
        sys.exit(f"error: {error}")
    with listening:
        _serve(listening, settings, rest)


def _listen(port: int) -> socket.socket:
    """A socket of this machine only: nobody else in the network can reach it."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen()  # who comes before the server is ready waits
    except OSError as error:
        listening.close()
        why = error.strerror or error
        raise ConfigError(f"app.port: {port} cannot be used ({why}): name another") from error
    return listening


def _serve(listening: socket.socket, settings: AppSettings, words: list[str]) -> None:
    import uvicorn

    from pipeline.app.child import command_of
    from pipeline.app.server import create_app
    from pipeline.outputs.report import console

    command = partial(command_of, words=words, max_frames=settings.max_frames)
    with own_folder() as folder:
        app = create_app(folder, settings, command)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=_GRACE,
            server_header=False,
        )
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        console.print(f"Open {address} in a browser. Ctrl-C ends the page.", soft_wrap=True)
        uvicorn.Server(config).run(sockets=[listening])
