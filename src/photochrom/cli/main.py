"""The command line."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Annotated, Any, NoReturn, Union

from photochrom import __version__, interruption
from photochrom.cli import help  # noqa: A004
from photochrom.cli.starting import without_collector
from photochrom.errors import BadOption, PhotochromError
from photochrom.names import is_verbose, say, set_talk

COMMANDS = {
    "colorize": "colorize",
    "video": "video",
    "palette": "color",
    "uncertainty": "color",
    "apply": "provenance",
    "verify": "provenance",
    "serve": "serve",
    "sheet": "sheet",
    "evaluate": "evaluate",
    "report": "report",
    "train": "train",
    "export": "train",
    "data": "data",
    "models": "models",
}
"""The module of each command, which is imported when it is asked for."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 something failed, 2 a wrong request, 130 interrupted."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    set_talk(quiet=False, verbose=False)
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:], "--help"]
    if arguments in (["--version"], ["-V"]):
        print(f"photochrom {__version__}")  # noqa: T201
        sys.exit(0)
    if arguments in (["--help"], ["-h"]):
        print(help.full_help({name: _command(name) for name in COMMANDS}), end="")  # noqa: T201
        sys.exit(0)
    if not arguments:  # by mistake, where a script has left the command out
        print(help.short_help(), end="", file=sys.stderr)  # noqa: T201
        sys.exit(BadOption.exit_code)
    if callable(signal.getsignal(signal.SIGINT)):  # else it is to be ignored, or ends us at once
        signal.signal(signal.SIGINT, _interrupt)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name it cannot spell is no reason to stop
            stream.reconfigure(errors="backslashreplace")
    try:
        with without_collector():
            command = _find_command(arguments)
        code = command()
    except PhotochromError as error:
        say(str(error), *_trace(error))
        code = error.exit_code
    except KeyboardInterrupt as error:
        interruption.take_notice()
        say(str(error) or "Interrupted.")
        code = 130
    except OSError as error:  # of the standard output, as files have sentences of their own
        if not isinstance(error, BrokenPipeError):  # which is how a reader says that it has enough
            reason = error.strerror or error
            say(f"The output cannot be written ({reason}): make room, or send it elsewhere.")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left of it
        code = 1
    sys.exit(code)


def _command(name: str) -> Callable[..., int]:
    """The function of a command."""
    command: Callable[..., int] = getattr(import_module(f"photochrom.cli.{COMMANDS[name]}"), name)
    return command


def _find_command(arguments: Sequence[str]) -> Callable[[], int]:
    """The command that the arguments ask for, ready to run.

    Raises:
        BadOption: they ask for none.
    """
    import tyro  # which takes longer than all that is imported above
    from tyro.conf import CascadeSubcommandArgs, FlagCreatePairsOff

    from photochrom.cli import usage
    from photochrom.cli.flags import with_talk
    from photochrom.cli.models import show_fetch
    from photochrom.cli.optional_values import fill_optional_values
    from photochrom.storage import model_cache

    model_cache.show = show_fetch
    name, *rest = arguments
    said, shown = io.StringIO(), help.Heard()
    how: list[Any] = [CascadeSubcommandArgs]
    if name in COMMANDS:  # the others are not even imported
        known: Any = with_talk(_command(name))
        prog = f"photochrom {name}"
        how += [] if name == "train" else [FlagCreatePairsOff]
    else:
        known, prog, rest = _all_commands(), "photochrom", [*arguments]
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(shown):
            command: Callable[[], int] = tyro.cli(
                known, prog=prog, args=fill_optional_values(rest), config=tuple(how)
            )
    except SystemExit as ended:
        if ended.code != BadOption.exit_code:
            is_help = "-h" in arguments or "--help" in arguments
            text = shown.getvalue()
            print(help.lay_out(text) if is_help else text, end="")  # noqa: T201
            raise
        raise BadOption(usage.sentence(said.getvalue(), arguments, list(COMMANDS))) from None
    return command


def _all_commands() -> Any:
    """What the parser takes where none is named first, as for the completion by the Tab key."""
    from tyro.conf import FlagCreatePairsOff, subcommand

    from photochrom.cli.flags import with_talk

    commands: list[Any] = []
    for name in COMMANDS:
        one: Any = Annotated[Any, subcommand(name, constructor=with_talk(_command(name)))]
        commands.append(one if name == "train" else Annotated[one, FlagCreatePairsOff])
    return Union[tuple(commands)]  # noqa: UP007 - as many as there are


def _trace(error: PhotochromError) -> list[str]:
    """Where an error arose, for --verbose."""
    if not is_verbose():
        return []
    import traceback

    return "".join(traceback.format_exception(error)).splitlines()


def _interrupt(*_: object) -> NoReturn:
    """The first Ctrl-C lets what is under way be finished; the second one ends it at once."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    raise KeyboardInterrupt
