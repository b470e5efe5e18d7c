"""What is wrong with a command line, as one plain sentence instead of the parser's own box."""

from __future__ import annotations

import re
from collections.abc import Sequence

_FRAME = "│╭╮╰╯─"
_KINDS = {
    "FLOAT": "a number",
    "INT": "a whole number",
    "PATH": "a file or folder",
    "STR": "a word",
}


def sentence(box: str, arguments: Sequence[str], commands: Sequence[str]) -> str:
    """The sentence for what the parser objects to.

    Args:
        box: its words, framed.
        arguments: of the command line.
        commands: that there are.
    """
    words = _unframed(box)
    command = next((name for name in arguments[:1] if name in commands), "")
    known = re.findall(r"photochrom(?: [\w-]+)* --help", words)
    prog = max([*known, f"photochrom {command} --help".replace("  ", " ")], key=len)
    return f"{_objection(words, prog.removesuffix(' --help'))}: see {prog}."


def _unframed(box: str) -> str:
    plain = re.sub(r"\x1b\[[\d;]*m", "", box)
    lines = [line.strip(f"{_FRAME} ") for line in plain.splitlines()]
    return " ".join(" ".join(lines).split())


def _objection(words: str, prog: str) -> str:
    """What is wrong, without a full stop."""
    words = words.partition(" For full")[0]
    if found := re.search(r"Error parsing .*?'([^']*)'.* Argument helptext: (.*)", words):
        shown, metavar, purpose = _argument(found[2])
        return f"{shown or purpose} takes {_expected(metavar)}, not {found[1]}"
    if found := re.search(r"invalid choice '(.*?)' for argument '(.*?)'.*one of \((.*?)\)", words):
        choices = re.findall(r"'([^']*)'", found[3])
        return f"{_flag(found[2])} takes {_either(choices)}, not {found[1]}"
    if found := re.search(r"Missing value for argument '(.*?)'", words):
        return f"{_flag(found[1])} needs a value"
    if found := re.search(r"Unrecognized options: ([^ ,]+)", words):
        if found[1].startswith("-"):
            return f"There is no option {found[1]}"
        no_command = prog.count(" ") == 0
        return f"There is no command {found[1]}" if no_command else f"{found[1]} is a word too many"
    if found := re.search(r"Expected one of \{(.*?)\}", words):
        return f"{prog} needs a command ({found[1]})"
    if found := re.search(r"Missing from [^:]*: (.*)", words):
        needed = map(_argument, re.findall(r"(\S.*?) \(required\)", found[1]))
        return f"{prog} needs {_listed([name or purpose for name, _, purpose in needed])}"
    return words.rstrip(".:")


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
    for part in re.findall(r"\{.*?\}|[^|{}]+", metavar):
        if part.startswith("{"):
            choices += [word for word in re.split(r"[,|]", part[1:-1]) if word != "None"]
        else:
            choices.append(_KINDS.get(part, part))
    return _either(choices)


def _either(words: Sequence[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)


def _listed(words: Sequence[str]) -> str:
    return _either(words).replace(" or ", " and ")
