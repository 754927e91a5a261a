"""Keeps a process from forking while one of its threads is in native code.

A child has only the thread that forked. A lock that another thread held at that moment inside ONNX Runtime or
the tokenizer is never released there, and the child's first answer would wait for it for ever.
"""

from __future__ import annotations

import os
from contextlib import suppress
from threading import Condition, get_ident
from types import TracebackType
from typing import Final

_LONGEST_WAIT: Final = 10.0
"""Seconds after which forks and threads no longer wait for each other, so that nothing locks them up:
a signal handler that forks or predicts, or an application's own lock around both."""


class ForkGate:
    """Any number of threads can be inside at once; a fork waits until none is, and lets none in meanwhile."""

    def __init__(self) -> None:
        """Watch the forks of this process from now on."""
        self._condition = Condition()
        self._inside: set[int] = set()
        self._forks = 0
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._close, after_in_parent=self._open, after_in_child=self._start_anew
            )

    def __enter__(self) -> None:
        """Go in, after a fork that is under way."""
        with self._condition:
            self._condition.wait_for(lambda: not self._forks, _LONGEST_WAIT)
            self._inside.add(get_ident())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Go out."""
        with self._condition:
            self._inside.discard(get_ident())
            self._condition.notify_all()

    def _close(self) -> None:
        self._condition.acquire()
        self._forks += 1
        if not self._condition.wait_for(self._others_are_out, _LONGEST_WAIT):
            # An exception out of a signal handler can have kept a thread from going out.
            self._inside.clear()

    def _others_are_out(self) -> bool:
        # Between two steps of Python, where a signal handler of this thread forks, it is in no native code.
        return self._inside <= {get_ident()}

    def _open(self) -> None:
        self._forks = max(0, self._forks - 1)
        # A signal can have ended the step before, of which Python then says no more than a warning.
        with suppress(RuntimeError):
            self._condition.notify_all()
            self._condition.release()

    def _start_anew(self) -> None:
        self._condition = Condition()
        self._inside &= {get_ident()}
        self._forks = 0


NATIVE_CODE: Final = ForkGate()
"""Held around what runs in ONNX Runtime and the tokenizer."""
