"""How flags look in the help: what they take, what they do, and what holds without them.

Every flag is described by :func:`flag`, here or by the sentence under the field of a dataclass, so
that no help shows how Python spells a value.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from itertools import pairwise
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import tyro
from tyro.conf import FlagCreatePairsOff, OmitArgPrefixes

from photochrom import names

NUMBER, WHOLE, TEXT, PATH = "NUMBER", "N", "TEXT", "PATH"
"""What a flag takes, where nothing tells more."""
_TAKES: dict[Any, str] = {float: NUMBER, int: WHOLE, str: TEXT, Path: PATH}


def flag(
    help: str,  # noqa: A002 - tyro calls it so
    takes: str | None = None,
    *,
    short: str | None = None,
    default: str | None = None,
) -> Any:
    """Describe a flag or an argument.

    Args:
        help: what it does, beginning in lower case; of a flag that turns something off, that.
        takes: what follows it, such as ``FILE``, ``N`` for a whole number or ``0..1``; None for
            what turns something on or off, and for one of a few words, which are listed.
        short: another name, such as ``-o``.
        default: in words what holds without it, where the value does not tell; "" not to say so.
    """

    def remark(value: str) -> str:
        words = value.strip("'") if default is None else default
        return f"(default: {words})" if words not in ("", "None", "True", "False") else ""

    return tyro.conf.arg(
        help=help,
        metavar=takes,
        aliases=[short] if short else None,
        help_behavior_hint=remark,
    )


def group(name: str) -> Any:
    """Under which heading of the help the flags of a dataclass stand: "<name> options"."""
    return tyro.conf.arg(name=name)


# --- dataclasses whose fields tell in a sentence what they are for ----------------------------


def described(options: Any) -> Callable[..., Any]:
    """What makes a dataclass of its flags, each with the sentence that stands under its field.

    Args:
        options: the class, or one of it that has the defaults.
    """
    kind = options if isinstance(options, type) else type(options)
    sentences = _sentences(kind)
    hints: dict[str, Any] = get_type_hints(kind, include_extras=True)

    def make(**values: Any) -> Any:
        return kind(**values)

    parameters = []
    for field in fields(kind):
        value, hint = getattr(options, field.name, field.default), hints[field.name]
        known = "yes" if value is True else None
        own: Any = Annotated[hint, flag(sentences[field.name], _takes(hint), default=known)]
        if value is False:
            own = Annotated[own, FlagCreatePairsOff]
        default = inspect.Parameter.empty if value is MISSING else value
        parameters.append(_parameter(field.name, own, default))
    return _with_signature(make, parameters, "")


@functools.cache
def _sentences(kind: type) -> dict[str, str]:
    """What stands under each field of a class."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(tree, ast.ClassDef)
    return {
        field.target.id: " ".join(str(below.value.value).split()).rstrip(".")
        for field, below in pairwise(tree.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
    }


def _takes(hint: Any) -> str | None:
    """What a flag of this type takes."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _takes(parts[0])
    if origin is Literal or hint is bool:
        return None
    if origin is not None and issubclass(origin, Sequence):
        return f"{_takes(parts[0])}..."
    return _TAKES[next((part for part in parts if part is not NoneType), hint)]


# --- flags of every command -------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Talk:
    """Of every command."""

    quiet: Annotated[
        bool, flag("tell nothing but errors and results: no progress, no remarks", short="-q")
    ] = False
    verbose: Annotated[bool, flag("show where in the program an error arose", short="-v")] = False

    def apply(self) -> None:
        """Tell as much from now on."""
        names.set_talk(quiet=self.quiet, verbose=self.verbose)


def deferred(command: Callable[..., int]) -> Callable[..., Callable[[], int]]:
    """The command with its arguments, so that what it says is not taken for the parser's words."""

    @functools.wraps(command)
    def defer(*arguments: Any, **options: Any) -> Callable[[], int]:
        return functools.partial(command, *arguments, **options)

    return defer


def with_talk(command: Callable[..., int]) -> Callable[..., Callable[[], int]]:
    """The command, deferred, with the flags of every command beside its own."""

    def defer(*arguments: Any, talk: Talk, **options: Any) -> Callable[[], int]:
        talk.apply()
        return functools.partial(command, *arguments, **options)

    hints = get_type_hints(command, include_extras=True)
    own = [
        parameter.replace(annotation=_spelled(hints[name]))
        for name, parameter in inspect.signature(command).parameters.items()
    ]
    about = Annotated[Talk, OmitArgPrefixes, FlagCreatePairsOff, group("general")]
    parameters = [*own, _parameter("talk", about, inspect.Parameter.empty)]
    return _with_signature(defer, parameters, command.__doc__ or "")


def _spelled(hint: Any) -> Any:
    """A type as tyro knows it by itself, and all that a dataclass of flags has.

    Of others it asks typeguard whether defaults fit, which imports asyncio and unittest, and takes
    a tenth as long as a photo to colour.
    """
    if is_dataclass(hint) and isinstance(hint, type):
        known = get_type_hints(hint, include_extras=True)
        hint.__annotations__ = {name: _spelled(each) for name, each in known.items()}
        return hint
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return Annotated[(_spelled(parts[0]), *parts[1:])]
    if origin in (Union, UnionType):
        nothing = [part for part in parts if part is NoneType]
        return Union[(*nothing, *(_spelled(part) for part in parts if part is not NoneType))]
    return tuple if hint == tuple[str, ...] else hint


def _parameter(name: str, hint: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)


def _with_signature(
    function: Callable[..., Any], parameters: Sequence[inspect.Parameter], doc: str
) -> Callable[..., Any]:
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    function.__annotations__ = {each.name: each.annotation for each in parameters}
    function.__doc__ = doc
    return function
