"""The command line."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

import tyro
from tyro.conf import CascadeSubcommandArgs

from photochrom import __version__
from photochrom.cli import usage
from photochrom.cli.color import palette, uncertainty
from photochrom.cli.colorize import colorize
from photochrom.cli.data import data
from photochrom.cli.evaluate import evaluate
from photochrom.cli.optional_values import fill_optional_values
from photochrom.cli.options import deferred
from photochrom.cli.report import report
from photochrom.cli.serve import serve
from photochrom.cli.sheet import sheet
from photochrom.cli.train import export, train
from photochrom.errors import BadOption, PhotochromError
from photochrom.names import say

DESCRIPTION = "photochrom gives colour to black-and-white photographs."


COMMANDS: dict[str, Callable[..., int]] = {
    "colorize": colorize,
    "palette": palette,
    "uncertainty": uncertainty,
    "serve": serve,
    "sheet": sheet,
    "evaluate": evaluate,
    "report": report,
    "train": train,
    "export": export,
    "data": data,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 something failed, 2 a wrong request, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if list(arguments) in (["--version"], ["-V"]):
        print(f"photochrom {__version__}")  # noqa: T201
        sys.exit(0)
    if callable(signal.getsignal(signal.SIGINT)):  # else it is to be ignored, or ends us at once
        signal.signal(signal.SIGINT, _interrupt)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name it cannot spell is no reason to stop
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _find_command(arguments)()
    except PhotochromError as error:
        say(str(error))
        code = error.exit_code
    except KeyboardInterrupt as error:
        say(str(error) or "Interrupted.")
        code = 130
    except OSError as error:  # of the standard output, as files have sentences of their own
        if not isinstance(error, BrokenPipeError):  # which is how a reader says that it has enough
            say(f"The answer cannot be written ({error.strerror or error}): make room for it.")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left of it
        code = 1
    sys.exit(code)


def _find_command(arguments: Sequence[str]) -> Callable[[], int]:
    """The command that the arguments ask for, ready to run.

    Raises:
        BadOption: they ask for none.
    """
    commands = {name: deferred(command) for name, command in COMMANDS.items()}
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            command: Callable[[], int] = tyro.extras.subcommand_cli_from_dict(
                commands,
                prog="photochrom",
                description=DESCRIPTION,
                args=fill_optional_values(arguments),
                config=(CascadeSubcommandArgs, tyro.conf.FlagCreatePairsOff),
            )
    except SystemExit as ended:
        if ended.code != BadOption.exit_code:
            raise
        raise BadOption(usage.sentence(said.getvalue(), arguments, list(COMMANDS))) from None
    return command


def _interrupt(*_: object) -> NoReturn:
    """The first Ctrl-C lets what is under way be finished; the second one ends it at once."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    raise KeyboardInterrupt
