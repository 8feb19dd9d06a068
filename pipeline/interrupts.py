"""Ctrl-C, SIGTERM and SIGHUP: the run ends with one line and exit code 128 + the signal.

A signal becomes an exception wherever the program is, so that every `finally` on the way out does
its work. Libraries swallow such exceptions (`except BaseException` around an import) and go on, or
fail later with another error. So this module remembers the signal, and `check` raises it again.

Nothing heavy is imported here: this is the first module that a run loads.
"""

import atexit
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

KEPT = "finished results are kept, and the same command goes on from there"
_SAID = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}
_IMPATIENT = 1.0  # s; a second signal within this time does not disturb the cleaning up


class Stopped(KeyboardInterrupt):
    """A signal asks the run to end."""


class _Came:
    """The first signal that came, and how it was handled."""

    number: signal.Signals | None = None
    raised = 0.0  # when, by time.monotonic
    held = 0  # how many blocks must not be disturbed
    said = False


def catch(quietly: bool = False) -> None:
    """Handle the signals of a process that is a run; ignored signals stay ignored.

    Args:
        quietly: print nothing at the end, because the process is a worker of a run.
    """
    _Came.said = quietly
    for number in _SAID:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _on_signal)
    sys.excepthook, sys.unraisablehook = _excepthook, _unraisablehook
    atexit.register(_leave)  # the first one registered is the last one called


def came() -> signal.Signals | None:
    """The signal that came, or None."""
    return _Came.number


def check() -> None:
    """Raise Stopped if a signal came, even if somebody has swallowed it."""
    if _Came.number:
        raise Stopped


@contextmanager
def held() -> Iterator[None]:
    """Signals wait for the end of the block, which must not stay half done."""
    _Came.held += 1
    try:
        yield
    finally:
        _Came.held -= 1
    if not _Came.held:
        check()


def code() -> int:
    """The exit code: 128 + the signal, as in shells."""
    return 128 + (_Came.number or signal.SIGINT)


def say() -> None:
    """The one line that the user gets, once."""
    if not _Came.said:
        _Came.said = True
        sys.stderr.write(f"{_SAID[_Came.number or signal.SIGINT]}: {KEPT}\n")
        sys.stderr.flush()


def _on_signal(number: int, _: FrameType | None) -> None:
    first = _Came.number is None
    if first:
        _Came.number = signal.Signals(number)
    if _Came.held or not (first or time.monotonic() - _Came.raised > _IMPATIENT):
        return
    _Came.raised = time.monotonic()
    raise Stopped


def _excepthook(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print no traceback for Stopped, which is only the way out."""
    if not _Came.number:
        sys.__excepthook__(kind, error, trace)


def _unraisablehook(unraisable: "sys.UnraisableHookArgs") -> None:
    """Nor for an interrupted destructor: `check` raises it again."""
    if not _Came.number:
        sys.__unraisablehook__(unraisable)


def _leave() -> None:
    """Leave with the signal's code, however the interpreter came to its end."""
    if _Came.number:
        say()
        sys.stdout.flush()
        os._exit(code())
