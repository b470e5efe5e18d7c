"""What is wrong with a command line, as one plain sentence instead of the parser's own box."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

_FRAME = "│╭╮╰╯─"
_KINDS = {
    "NUMBER": "a number",
    "SECONDS": "a number of seconds",
    "N": "a whole number",
    "PIXELS": "a whole number",
    "PATH": "a file or folder",
    "TEXT": "a word",
    "X": "a number",
    "Y": "a number",
}
_ALWAYS = ("--help", "--version", "--quiet", "--verbose")
_LIKE = 0.65
"""How like a word has to be to what was meant: 1 is the same."""


def sentence(box: str, arguments: Sequence[str], commands: Sequence[str]) -> str:
    """The sentence for what the parser objects to.

    Args:
        box: its words, framed.
        arguments: of the command line.
        commands: that there are.
    """
    words = _unframed(box)
    command = next((name for name in arguments[:1] if name in commands), "")
    known = re.findall(r"photochrom(?: [\w-]+)* --help", words.partition(" For full")[2])
    prog = max([*known, f"photochrom {command} --help".replace("  ", " ")], key=len)
    said = _objection(words, prog.removesuffix(" --help"), commands)
    return f"{said} See {prog}." if said.endswith("?") else f"{said}: see {prog}."


def _unframed(box: str) -> str:
    plain = re.sub(r"\x1b\[[\d;]*m", "", box)
    lines = [line.strip(f"{_FRAME} ") for line in plain.splitlines()]
    return " ".join(" ".join(lines).split())


def _objection(words: str, prog: str, commands: Sequence[str]) -> str:
    """What is wrong, without a full stop."""
    words = words.partition(" For full")[0]
    several = r"expected argument count .* Argument helptext: (--[\w-]+) ((?:[A-Z]+ ){2,})"
    if found := re.search(several, words):
        return f"{found[1]} takes {_listed(found[2].split())}"
    if found := re.search(r"Error parsing .*?'([^']*)'.* Argument helptext: (.*)", words):
        shown, metavar, purpose = _argument(found[2])
        return f"{shown or purpose} takes {_expected(metavar)}, not {found[1]}"
    if found := re.search(r"invalid choice '(.*?)' for argument '(.*?)'.*one of \((.*?)\)", words):
        choices = sorted({*re.findall(r"'([^']*)'", found[3])} - {"None"})
        return f"{_flag(found[2])} takes {_either(choices)}, not {found[1]}"
    if found := re.search(r"Missing value for argument '(.*?)'", words):
        return f"{_flag(found[1])} needs a value"
    if found := re.search(r"Unrecognized options: ([^ ,]+)", words):
        return _unknown(found[1], words, prog, commands)
    if found := re.search(r"Expected one of \{(.*?)\}", words):
        return f"{prog} needs a command ({found[1]})"
    if found := re.search(r"Missing from [^:]*: (.*)", words):
        needed = map(_argument, re.findall(r"(\S.*?) \(required\)", found[1]))
        return f"{prog} needs {_listed([name or purpose for name, _, purpose in needed])}"
    return words.rstrip(".:")


def _unknown(word: str, words: str, prog: str, commands: Sequence[str]) -> str:
    """That there is no such option, command or argument, and which was meant perhaps."""
    if word.startswith("-"):
        meant = re.findall(r"--[\w-]+", words.partition(" Perhaps you meant: ")[2])
        meant = meant if " " in prog else []  # or they are of any command
        return f"There is no option {word}{_did_you_mean(word, [*meant, *_ALWAYS])}"
    if listed := re.search(r"Available subcommands: (.*)", words):
        commands = listed[1].split(", ")
    elif " " in prog:
        return f"{word} is a word too many"
    if Path(word).suffix or os.sep in word:  # a photo
        return f"There is no command {word}: did you mean photochrom colorize {word}?"
    return f"There is no command {word}{_did_you_mean(word, commands)}"


def _did_you_mean(word: str, known: Sequence[str]) -> str:
    near = get_close_matches(word, known, 1, _LIKE)
    return f": did you mean {near[0]}?" if near else ""


def _argument(line: str) -> tuple[str, str, str]:
    """From a line of the help: the name of an argument, if it has one; its kind; what it is for."""
    flags = re.findall(r"(?:^|, )(--?[\w-]+)", line)
    rest = re.sub(r"^(--?[\w-]+(?:/--?[\w-]+)*,? )+", "", line)
    kind, _, words = rest.partition(" ")
    words = words.partition(" (")[0]
    if flags:
        return _flag(" ".join(flags)), kind, words
    return ("" if kind in _KINDS else kind), kind, words


def _flag(names: str) -> str:
    return max(names.replace("/", " ").split(), key=len)


def _expected(metavar: str) -> str:
    """What an argument takes, in words."""
    choices: list[str] = []
    for part in re.findall(r"\{.*?\}|[^|{}]+", metavar.removesuffix("...")):
        if part.startswith("{"):
            choices += re.split(r"[,|]", part[1:-1])
        elif limits := re.fullmatch(r"([\d.]+?)\.\.([\d.]+)", part):
            choices.append(f"a number from {limits[1]} to {limits[2]}")
        else:
            choices.append(_KINDS.get(part, part))
    return _either(choices)


def _either(words: Sequence[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)


def _listed(words: Sequence[str]) -> str:
    return _either(words).replace(" or ", " and ")
