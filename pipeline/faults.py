"""Unexpected errors: one input's is reported in a file, and the other inputs go on."""

import time
import traceback
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline import interrupts
from pipeline.about import settings, versions
from pipeline.config import Config, ConfigError
from pipeline.inputs.clips import NoClipsError, Skipped
from pipeline.memory import is_short
from pipeline.storage.whole_files import replacing

FOLDER = "errors"  # in the output folder
_LONGEST = 300  # characters of an error in a reason; the report has all of it


@dataclass(frozen=True)
class Fault(Skipped):
    """An input that an unexpected error stopped.

    It is not remembered: the next run tries again, because the program may have been mended.

    Args:
        report: name of its file in outputs/errors.
        details: the error with its traceback.
    """

    lasting: bool = False
    report: str = ""
    details: str = ""


def fault_of(error: Exception, where: str, path: Path, report: str) -> Fault:
    """Turn an unexpected error into the fault of one input.

    Args:
        error: the one that was caught.
        where: the stage or format that raised it.
        path: of the input.
        report: name of the file that `record` writes.

    Raises:
        Exception: the error itself, if it is not about one input.
        Stopped: the run was asked to end, and the error may come from that.
    """
    interrupts.check()
    if of_the_run(error):
        raise error
    kind = type(error).__name__
    text = " ".join(str(error).split())[:_LONGEST]
    reason = f"{path}: internal error in {where}: {kind}: {text}"
    return Fault(path, reason, report=report, details="".join(traceback.format_exception(error)))


def of_the_run(error: Exception) -> bool:
    """Whether an error would hit every input: a wrong setting, a full disk, no memory left.

    An OSError without a number comes from a library and is about its input, not the system.
    """
    if isinstance(error, OSError):
        return error.errno is not None
    return isinstance(error, ConfigError | NoClipsError) or is_short(error)


def record(fault: Fault, config: Config) -> Fault:
    """Write the report of a fault into the output folder, and name it in the reason."""
    path = Path(config.runtime.output_dir) / FOLDER / f"{fault.report}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = {
        "": f"{fault.reason}\n{time.strftime('%Y-%m-%d %H:%M:%S %Z')}",
        "Traceback": fault.details,
        "Versions": "\n".join(f"{name}: {number}" for name, number in versions().items()),
        "Settings": settings(config),
    }
    text = "\n".join(f"{title}\n{'-' * len(title)}\n{part}\n" for title, part in parts.items())
    with replacing(path) as temporary:
        temporary.write_text(text.lstrip(), encoding="utf-8", errors="backslashreplace")
    return replace(fault, reason=f"{fault.reason}; please report it, details in {path}")


def remove_reports(outputs: Path, names: Iterable[str]) -> None:
    """Remove an earlier run's reports about things that are tried again now.

    Args:
        outputs: the output folder.
        names: of the reports, or patterns.
    """
    folder = outputs / FOLDER
    if not folder.is_dir():
        return
    for name in names:
        for path in folder.glob(f"{name}.txt"):
            path.unlink(missing_ok=True)
    with suppress(OSError):  # then it stays
        folder.rmdir()
