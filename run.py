"""python run.py key=value ...: fit bodies to photos, videos or LSP. conf/ has every key."""

from pipeline import interrupts

if __name__ == "__main__":
    interrupts.catch()  # before what takes time to import

import errno
import gc
import io
import logging
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import ExitStack, redirect_stderr
from typing import Any, NoReturn

if __name__ == "__main__":
    gc.disable()  # until the settings are read: imports make no garbage, looking for it costs 1 s

import hydra
from omegaconf import DictConfig

NOTHING_FITTED = 2
FAILED = 3  # something ended with an error that nobody foresaw
_KEPT = interrupts.KEPT
_MEMORY = "close other programs, or lower runtime.batch_size"
_HINTS = {
    errno.ENOSPC: f": make room or name another folder; {_KEPT}",
    errno.EDQUOT: f": make room or name another folder; {_KEPT}",
    errno.EROFS: ": name a folder that can be written to",
    errno.EACCES: ": change its permissions or name another folder",
}
_hydra_speaks = ExitStack()  # while it is open, what is said is Hydra's


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> None:
    _hydra_speaks.close()
    from pipeline.config import to_config
    from pipeline.pipeline import run

    def work() -> dict[str, Any]:
        config = to_config(cfg)
        gc.enable()
        return run(config)

    finish(work)


def finish(work: Callable[[], dict[str, Any]]) -> None:
    """Do the work; leave with the exit code and the message that the user gets for its end."""
    from pipeline.outputs.report import log_to_console

    log_to_console()
    try:
        summary = work()
        interrupts.check()
    except KeyboardInterrupt:
        _stop()
    except Exception as error:
        if interrupts.came():  # and somebody swallowed it: whatever this is, it comes of that
            _stop()
        _fail(error)
    log = logging.getLogger(__name__)
    if summary["errors"]:
        log.error("internal errors: please report them, each has a file that tells everything")
        sys.exit(FAILED)
    if not summary["fitted"]:
        log.error("nothing was fitted")
        sys.exit(NOTHING_FITTED)


def _stop() -> NoReturn:
    interrupts.say()
    sys.exit(interrupts.code())


def _fail(error: Exception) -> NoReturn:
    """Leave because of an error that ended the run."""
    from pipeline.config import ConfigError
    from pipeline.inputs.clips import NoClipsError
    from pipeline.inputs.images import ClipError
    from pipeline.memory import is_short
    from pipeline.outputs.report import printable

    if os.environ.get("HYDRA_FULL_ERROR") == "1":
        raise error
    if isinstance(error, ConfigError | NoClipsError | ClipError | OSError):
        hint = _HINTS.get(error.errno or 0, "") if isinstance(error, OSError) else ""
        sys.exit(printable(f"error: {error}{hint}"))
    if is_short(error):
        sys.exit(printable(f"error: out of memory ({error}): {_MEMORY}; {_KEPT}"))
    traceback.print_exception(error)
    logging.getLogger(__name__).error("internal error: please report the above; %s", _KEPT)
    sys.exit(FAILED)


def start() -> None:
    """Run; where Hydra refuses the command line, say what it probably meant, and Hydra's words only
    where nobody can tell."""
    words = _hydra_speaks.enter_context(redirect_stderr(io.StringIO()))
    try:
        main()
    except SystemExit as error:
        _hydra_speaks.close()
        if error.code == 1 and not interrupts.came():  # Hydra's; ours is a text, or another number
            from pipeline.mistakes import explained

            if text := explained(sys.argv[1:]):
                sys.exit(f"error: {text}")
            sys.stderr.write(words.getvalue())
        raise
    finally:
        _hydra_speaks.close()


if __name__ == "__main__":
    start()
