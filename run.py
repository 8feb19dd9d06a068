"""python run.py key=value ...: fit bodies to photos, videos or LSP. conf/ has every key."""

import errno
import gc
import logging
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

if __name__ == "__main__":
    gc.disable()  # until the settings are read: imports make no garbage, looking for it costs 1 s

import hydra
from omegaconf import DictConfig

NOTHING_FITTED = 2
FAILED = 3  # something ended with an error that nobody foresaw
INTERRUPTED = 130  # as shells say it: 128 + SIGINT
_KEPT = "what was finished is kept, the same command goes on from there"
_MEMORY = "close other programs, or lower runtime.batch_size"
_HINTS = {
    errno.ENOSPC: f": make room or name another folder; {_KEPT}",
    errno.EDQUOT: f": make room or name another folder; {_KEPT}",
    errno.EROFS: ": name a folder that can be written to",
    errno.EACCES: ": change its permissions or name another folder",
}


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> None:
    from pipeline.config import to_config
    from pipeline.pipeline import run

    def work() -> dict[str, Any]:
        config = to_config(cfg)
        gc.enable()
        return run(config)

    finish(work)


def finish(work: Callable[[], dict[str, Any]]) -> None:
    """Do the work; leave with the exit code and the message that the user gets for its end."""
    from pipeline.config import ConfigError
    from pipeline.faults import short_of_memory
    from pipeline.inputs.clips import NoClipsError
    from pipeline.inputs.images import ClipError
    from pipeline.outputs.report import log_to_console, printable

    log_to_console()
    log = logging.getLogger(__name__)
    try:
        summary = work()
    except (ConfigError, NoClipsError, ClipError, OSError) as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        hint = _HINTS.get(error.errno or 0, "") if isinstance(error, OSError) else ""
        sys.exit(printable(f"error: {error}{hint}"))
    except Exception as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        if short_of_memory(error):
            sys.exit(printable(f"error: out of memory ({error}): {_MEMORY}; {_KEPT}"))
        traceback.print_exc()
        log.error("internal error: please report the lines above; %s", _KEPT)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        log.error("interrupted: %s", _KEPT)
        sys.exit(INTERRUPTED)
    if summary["errors"]:
        log.error("internal errors: please report them, each has a file that tells everything")
        sys.exit(FAILED)
    if not summary["fitted"]:
        log.error("nothing was fitted")
        sys.exit(NOTHING_FITTED)


def start() -> None:
    """Run; where Hydra refuses the command line, say what it probably meant."""
    try:
        main()
    except SystemExit as error:
        if error.code == 1:  # Hydra's; ours is a text, or another number
            from pipeline.mistakes import explained

            text = explained(sys.argv[1:])
            sys.exit(f"error: {text}" if text else 1)
        raise


if __name__ == "__main__":
    start()
