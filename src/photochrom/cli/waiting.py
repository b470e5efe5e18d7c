"""What is shown while one thing takes its time."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from photochrom.cli import options
from photochrom.names import is_quiet

if TYPE_CHECKING:
    from rich.console import Console

PATIENCE = 1.0
"""Seconds that nobody minds."""


@contextmanager
def shown_if_long(
    words: str,
    *,
    console: Console | None = None,
    later: Callable[[float, Callable[[], None]], threading.Timer] = threading.Timer,
) -> Iterator[None]:
    """Show that work goes on, and for how long, once it has taken a second; then no trace is left.

    Only on a terminal, and not with --quiet.

    Args:
        words: what is being done, such as "colouring".
        console: where to show it; by default the terminal.
        later: makes what calls a function after so many seconds.
    """
    if console is None and (is_quiet() or not (sys.stderr and sys.stderr.isatty())):
        yield  # without rich, which takes a tenth as long to import as a photo to colour
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = console or options.console()
    if not console.is_terminal or console.quiet:
        yield
        return
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    progress = Progress(
        *columns,
        console=console,
        transient=True,
        redirect_stdout=bool(sys.stdout and sys.stdout.isatty()),
    )
    progress.add_task(words, total=None)
    timer = later(PATIENCE, progress.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # it may just be showing it
        progress.stop()
