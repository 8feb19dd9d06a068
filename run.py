"""python run.py INPUT ... key=value ...: fit bodies to pictures. conf/ has every key."""

from pipeline import interrupts

if __name__ == "__main__":
    interrupts.catch()  # before imports that take time

import errno
import gc
import io
import logging
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import ExitStack, redirect_stderr
from pathlib import Path
from typing import Any, NoReturn

if __name__ == "__main__":
    gc.disable()  # until the settings are read: imports leave no garbage; looking costs 1 s

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

NOTHING_FITTED = 2
FAILED = 3  # something failed unexpectedly
_failed: list[int] = []  # exit codes of the jobs of a multirun
_words: list[str] = []  # of the command line; also in a job that another Python does
_KEPT = interrupts.KEPT
_MEMORY = "close other programs, or lower runtime.batch_size"
_HINTS = {
    errno.ENOSPC: f": make room or name another folder; {_KEPT}",
    errno.EDQUOT: f": make room or name another folder; {_KEPT}",
    errno.EROFS: ": name a folder that can be written to",
    errno.EACCES: ": change its permissions or name another folder",
}


class _Speaks(ExitStack):
    """While it is open, output comes from Hydra. A job on another machine gets a closed one."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _Speaks, ()


_hydra_speaks = _Speaks()


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> None:
    _hydra_speaks.close()
    from pipeline.config import to_config
    from pipeline.pipeline import run

    def work() -> dict[str, Any]:
        config = to_config(cfg)
        gc.freeze()  # what is here stays: looking through it again and again costs 0.6 s
        gc.enable()
        return run(config)

    own_folder(cfg)
    if sweeps():
        as_job(work)
    else:
        finish(work)


def sweeps() -> bool:
    """Whether this is a job of a multirun."""
    return HydraConfig.initialized() and HydraConfig.get().mode is RunMode.MULTIRUN


def own_folder(cfg: DictConfig) -> None:
    """Give a job of a multirun its own folder in `runtime.output_dir`, unless it is a shard."""
    if sweeps():
        from pipeline.command_line import job_folder
        from pipeline.config import uninterpolated

        run, shard = HydraConfig.get(), OmegaConf.select(cfg, "runtime.shard")
        words = [*(_words or sys.argv), f"runtime.shard={shard}"]
        name = job_folder(run.job.num, list(run.overrides.task), words)
        if shard and name == str(run.job.num):
            return  # shards of one run, which make folders of their own
        folder = uninterpolated(str(Path(run.runtime.output_dir, name)))
        OmegaConf.update(cfg, "runtime.output_dir", folder)


def as_job(work: Callable[[], dict[str, Any]]) -> None:
    """Do a job of a multirun. If it fails, the others go on, and `start` leaves with its code."""
    try:
        finish(work)
    except SystemExit as end:
        if interrupts.came():
            raise
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)  # noqa: T201  as the interpreter does
        _failed.append(end.code if isinstance(end.code, int) else 1)


def finish(work: Callable[[], dict[str, Any]]) -> None:
    """Do the work, and leave with the exit code and the message that the user gets."""
    from pipeline.outputs.report import log_to_console

    log_to_console()
    try:
        summary = work()
        interrupts.check()
    except KeyboardInterrupt:
        _stop()
    except Exception as error:
        if interrupts.came():  # and was swallowed: whatever this error is, it comes from that
            _stop()
        _fail(error)
    log = logging.getLogger(__name__)
    if summary["errors"]:
        log.error("internal errors: please report them, each has a file that tells everything")
        sys.exit(FAILED)
    if not summary["fitted"] and summary["inputs"]:  # a shard may have no inputs
        log.error("nothing was fitted")
        sys.exit(NOTHING_FITTED)


def _stop() -> NoReturn:
    interrupts.say()
    sys.exit(interrupts.code())


def _fail(error: Exception) -> NoReturn:
    """Leave, because an error ended the run."""
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
    """Run. If Hydra refuses the command line, say what it probably meant, or if that is unclear,
    give Hydra's message. The word `app` in front starts the page instead (docs/app.md)."""
    if sys.argv[1:2] in (["app"], ["--app"]):
        from pipeline.app.start import start as start_page

        start_page(sys.argv[1:])
        return
    from pipeline.command_line import COMPLETION, overrides_of, without_inputs
    from pipeline.run_mode import composed_once

    if COMPLETION.isdisjoint(sys.argv):
        sys.argv[1:] = overrides_of(sys.argv[1:])
    elif "COMP_LINE" in os.environ:
        os.environ["COMP_LINE"] = without_inputs(os.environ["COMP_LINE"])
    _words[:] = sys.argv
    # Launchers of jobs (hydra/launcher=submitit_slurm) start Python in ways of their own.
    paths = [str(Path(__file__).resolve().parent), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    words = _hydra_speaks.enter_context(redirect_stderr(io.StringIO()))
    try:
        with composed_once(sys.argv[1:]):
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
    if _failed:
        sys.exit(_failed[0])


if __name__ == "__main__":
    start()
