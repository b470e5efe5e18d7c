"""What can go wrong in a request, each with a status, a word for programs and a sentence."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from photochrom.errors import (
    BadModel,
    BadPhoto,
    CannotWrite,
    InColor,
    MissingExtra,
    PhotochromError,
    kind_and_place,
)

T = TypeVar("T")


class Trouble(PhotochromError):
    """An answer that is no result.

    Args:
        status: of HTTP.
        code: one word, for programs.
        sentence: for the user.
        wait: seconds after which to try again.
    """

    def __init__(self, status: int, code: str, sentence: str, wait: int | None = None) -> None:
        super().__init__(sentence)
        self.status, self.code, self.wait = status, code, wait

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle: children have troubles, too."""
        return Trouble, (self.status, self.code, str(self), self.wait)


def of(error: PhotochromError) -> Trouble:
    """The answer that an error of the engine makes."""
    if isinstance(error, Trouble):
        return error
    sentence = str(error)[:1].upper() + str(error)[1:]
    if isinstance(error, (BadPhoto, MissingExtra)):
        return Trouble(415, "not-an-image", sentence)
    if isinstance(error, InColor):
        return Trouble(409, "in-colour", "The photo is in colour already: ask for recolor=true.")
    if isinstance(error, BadModel):  # whose sentence says where its file is
        return failed("The model fails at this: give another size, or take another model.")
    return failed(sentence) if isinstance(error, CannotWrite) else bad(sentence)


def guarded(work: Callable[[], T]) -> Callable[[], T]:
    """Work on one photo, after which whatever was not foreseen is an answer about that photo.

    It is logged by its kind and place; not by its words, which may be those of the photo.
    """

    def guard() -> T:
        try:
            return work()
        except (PhotochromError, MemoryError):
            raise
        except Exception as error:
            what = kind_and_place(error)
            logging.getLogger("photochrom").error("%s", what)
            raise mistaken(what) from error

    return guard


def bad(sentence: str) -> Trouble:
    """The request is wrong."""
    return Trouble(400, "bad-request", sentence)


def failed(sentence: str) -> Trouble:
    """The photo cannot be coloured."""
    return Trouble(422, "failed", sentence)


def mistaken(what: str) -> Trouble:
    """The photo has led to what nobody has foreseen; its kind and place."""
    return failed(
        "This photo cannot be coloured, as something went wrong inside photochrom "
        f"({what}): please report it with the photo."
    )


def crashed() -> Trouble:
    """The photo has ended the process that worked on it."""
    return failed("This photo cannot be coloured, as reading it fails badly: save it anew first.")


def expired() -> Trouble:
    """The photo of an id is not, or no longer, here."""
    return Trouble(404, "expired", "This photo is not kept here any more: send it again.")


def too_large(what: str) -> Trouble:
    """More than the server was told to take."""
    return Trouble(413, "too-large", f"The photo is too large: {what}. Make it smaller first.")


def memory() -> Trouble:
    """The photo takes more memory than it may."""
    return too_large("it needs more memory than there is")


def heavy(megabytes: float) -> Trouble:
    """More bytes than that."""
    return too_large(f"more than {megabytes:g} MB")


def busy(wait: int) -> Trouble:
    """All places in the queue are taken."""
    return Trouble(503, "busy", "Too many photos are waiting: try again in a moment.", wait)


def stopping(wait: int) -> Trouble:
    """The server has waited long enough for what is under way."""
    return Trouble(503, "busy", "photochrom is being ended: try again when it is back.", wait)


def superseded() -> Trouble:
    """Another answer is wanted by now."""
    return Trouble(409, "superseded", "A newer request has taken the place of this one.")


def late(seconds: float) -> Trouble:
    """It takes too long."""
    sentence = f"This was not done in {seconds:g} s: try again later, or with a smaller photo."
    return Trouble(504, "timeout", sentence)


def unforeseen() -> Trouble:
    """A mistake of ours."""
    return Trouble(500, "failed", "This went wrong, and should not: tell us which photo did it.")
