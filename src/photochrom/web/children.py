"""What touches a photo's bytes is done in children: whatever it does to them costs that photo."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from photochrom.web import nursery, trouble
from photochrom.web.child import Child

P = ParamSpec("P")
T = TypeVar("T")

_FOR_MEMORY = (-signal.SIGABRT, -getattr(signal, "SIGKILL", signal.SIGABRT))
"""How a process ends that lacks memory: of itself, or by the system."""


class Children:
    """Those that have nothing to do; others are born when they are needed. Threads may share it.

    Args:
        memory: bytes that one may take over a photo.
    """

    def __init__(self, memory: int) -> None:
        self.memory = memory
        self._idle: list[Child] = []
        self._lock = threading.Lock()
        self._open = True

    def take(self) -> Child:
        """One to work with."""
        while True:
            with self._lock:
                child = self._idle.pop() if self._idle else None
            if child is None:
                return nursery.bear(self.memory)
            if child.lives:
                return child
            child.end()

    def give_back(self, child: Child) -> None:
        """Keep one for the next photo."""
        with self._lock:
            if self._open:
                self._idle.append(child)
                return
        child.end()

    def close(self) -> None:
        """End those that have nothing to do, and the others when they are given back."""
        with self._lock:
            self._open, idle, self._idle = False, self._idle, []
        for child in idle:
            child.end()


class Errand:
    """Work on one photo, which can be called off."""

    def __init__(self, children: Children) -> None:
        self._children = children
        self._child: Child | None = None
        self._off = False
        self._lock = threading.Lock()

    def do(
        self,
        function: Callable[Concatenate[bytes, P], T],
        data: bytes,
        *given: P.args,
        **options: P.kwargs,
    ) -> T:
        """The result of ``function(data, ...)`` in a child.

        Raises:
            Trouble: it has one, does not live through it, or was called off.
        """
        child = self._children.take()
        with self._lock:
            self._child, off = child, self._off
        try:
            if off:
                raise EOFError
            answer = child.ask(function, data, *given, **options)
        except (EOFError, OSError):
            answer = None
        except BaseException:  # it cannot be sent: a mistake of ours
            self._leave(child, worn=True)
            raise
        status = self._leave(child, worn=answer is None or answer.worn)
        if answer is None:
            raise _end(status, self._off)
        if answer.mistake is not None:
            logging.getLogger("photochrom").error("%s", answer.mistake)
            raise trouble.mistaken(answer.mistake)
        if answer.trouble is not None:
            raise answer.trouble
        return cast("T", answer.value)

    def call_off(self) -> None:
        """End what is done for it, at once, from any thread."""
        with self._lock:
            self._off = True
            if self._child is not None:
                self._child.kill()

    def _leave(self, child: Child, *, worn: bool) -> int:
        with self._lock:
            self._child = None
            worn = worn or self._off
        if worn:
            return child.end()
        self._children.give_back(child)
        return 0


def _end(status: int, off: bool) -> Any:
    if off:
        return trouble.superseded()
    return trouble.memory() if status in _FOR_MEMORY else trouble.crashed()
