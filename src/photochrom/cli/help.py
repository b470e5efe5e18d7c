"""The help: of the program as a whole, and how that of a command is laid out."""

from __future__ import annotations

import io
import sys
import textwrap
from collections.abc import Callable, Mapping

from photochrom import __version__

ABOUT = (
    "photochrom gives colour to black-and-white photographs and films: at full size, on your own "
    "machine."
)
BEGIN = """\
  photochrom colorize grandmother.jpg       writes grandmother.color.jpg
  photochrom colorize album/ -o coloured/   a folder; again to go on with it
  photochrom video old.mp4                  a film, with its sound
  photochrom serve --open                   put colours right on a page
"""
_FRAME = ("│", "╭", "╰", "  ")
"""How the lines begin that are laid out already."""


def short_help() -> str:
    """What a newcomer needs: what this is, the commands used most, and where more is."""
    return f"""{_fill(ABOUT)}

{BEGIN}
All commands: photochrom --help. All about one: photochrom colorize --help.
"""


def full_help(commands: Mapping[str, Callable[..., int]]) -> str:
    """All commands, each with the first sentence of its own help."""
    width = max(map(len, commands)) + 4
    lines = [
        textwrap.fill(
            _headline(command),
            _columns(),
            initial_indent=f"  {name}".ljust(width),
            subsequent_indent=" " * width,
        )
        for name, command in commands.items()
    ]
    listed = "\n".join(lines)
    return f"""usage: photochrom COMMAND ...

{_fill(ABOUT)}

begin with:
{BEGIN}
commands (photochrom COMMAND --help tells all about one):
{listed}

options:
  -h, --help     show this help, or that of a command
  -V, --version  show the version (this is {__version__})
  -q, --quiet    of every command: tell nothing but errors and results
  -v, --verbose  of every command: show where in the program an error arose

completion by the Tab key, of bash, zsh or fish:
  photochrom --tyro-write-completion bash \\
    ~/.local/share/bash-completion/completions/photochrom
"""


def _headline(command: Callable[..., int]) -> str:
    """The first sentence of a command's help."""
    return " ".join((command.__doc__ or "").partition("\n\n")[0].split())


class Heard(io.StringIO):
    """What would go to the standard output, laid out as for that."""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # which is not set
        """That of the standard output, which tells the frames that it can show."""
        return getattr(sys.__stdout__, "encoding", None) or "ascii"

    def isatty(self) -> bool:
        """Whether there is a terminal, which shows colours."""
        return sys.__stdout__ is not None and sys.__stdout__.isatty()


def lay_out(text: str) -> str:
    """The help of a command, its prose within the terminal's width, the example by itself."""
    return "\n".join(map(_fold, text.splitlines())) + "\n"


def _fold(line: str) -> str:
    if line.startswith(_FRAME) or "\x1b" in line[:1]:
        return line
    prose, example, command = line.partition("Example: ")
    if prose and example:
        return f"{_fill(prose.strip())}\n\n{_fill(example + command)}"
    return _fill(line)


def _fill(line: str) -> str:
    return textwrap.fill(
        line,
        _columns(),
        subsequent_indent="  " if line.startswith(("Example: ", "usage: ")) else "",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _columns() -> int:
    import shutil  # which imports compressors, too

    return shutil.get_terminal_size().columns
