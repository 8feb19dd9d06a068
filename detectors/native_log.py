"""Keeps the start-up chatter of C++ libraries off the terminal."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# absl's and TensorFlow Lite's own notices ("I0000 00:00:17...", "W0000 ...", "INFO: Created ...").
# Anything else is not chatter, above all lines that begin with E or F.
_CHATTER = re.compile(rb"(WARNING: All log messages before absl::|INFO: |[IW]\d{4} \d\d:\d\d:)")


@contextmanager
def without_chatter() -> Iterator[None]:
    """Hold back what native code writes to stderr; at the end, print all of it except notices.

    mediapipe's log level cannot be set from Python, and it writes from its own threads, so
    the file descriptor itself is redirected. After an exception everything held back is printed.
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    failed = True
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
            failed = False
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            held.seek(0)
            for line in held:
                if failed or not _CHATTER.match(line):
                    os.write(2, line)
