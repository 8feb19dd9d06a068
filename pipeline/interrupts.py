"""Ctrl-C, SIGTERM and a terminal that goes: the run ends with one line and 128 + the signal.

A signal becomes an exception wherever the program is, so that every `finally` on the way out does
its work. Libraries swallow such exceptions (`except BaseException` around an import) and go on, or
fail later with another one: so it is remembered that a signal came, and `check` raises it again.

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

KEPT = "what was finished is kept, the same command goes on from there"
_SAID = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}
_IMPATIENT = 1.0  # s: a second signal sooner than that does not disturb the cleaning up


class Stopped(KeyboardInterrupt):
    """A signal asks the run to end."""


class _Came:
    """The first signal that came, and what was done about it."""

    number: signal.Signals | None = None
    raised = 0.0  # when, by time.monotonic
    held = 0  # blocks that are not to be disturbed
    said = False


def catch(quietly: bool = False) -> None:
    """Take the signals over, for a process that is a run; what it is told to ignore stays so.

    Args:
        quietly: nothing is said at the end, because the process is a worker of a run.
    """
    _Came.said = quietly
    for number in _SAID:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _on_signal)
    sys.excepthook, sys.unraisablehook = _excepthook, _unraisablehook
    atexit.register(_leave)  # the first to be registered is the last to be called


def came() -> signal.Signals | None:
    """The signal that came; None where none did."""
    return _Came.number


def check() -> None:
    """Raise Stopped where a signal came, also if somebody has swallowed it."""
    if _Came.number:
        raise Stopped


@contextmanager
def held() -> Iterator[None]:
    """A signal waits for the end of the block: for what must not be half done."""
    _Came.held += 1
    try:
        yield
    finally:
        _Came.held -= 1
    if not _Came.held:
        check()


def code() -> int:
    """The exit code: 128 + the signal, as shells have it."""
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
    """No traceback of what is only the way out."""
    if not _Came.number:
        sys.__excepthook__(kind, error, trace)


def _unraisablehook(unraisable: "sys.UnraisableHookArgs") -> None:
    """Nor of a destructor that was interrupted: `check` raises it again."""
    if not _Came.number:
        sys.__unraisablehook__(unraisable)


def _leave() -> None:
    """Whatever the end looked like to the interpreter, a signal was its reason."""
    if _Came.number:
        say()
        sys.stdout.flush()
        os._exit(code())
