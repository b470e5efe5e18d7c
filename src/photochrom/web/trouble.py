"""What can go wrong in a request, each with a status, a word for programs and a sentence."""

from __future__ import annotations

from photochrom.errors import (
    BadModel,
    BadOption,
    BadPhoto,
    CannotWrite,
    MissingExtra,
    PhotochromError,
)


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


_STATUS: dict[type[PhotochromError], tuple[int, str]] = {
    BadPhoto: (415, "not-an-image"),
    MissingExtra: (415, "not-an-image"),
    BadOption: (400, "bad-request"),
    BadModel: (400, "bad-request"),
    CannotWrite: (400, "bad-request"),
}


def of(error: PhotochromError) -> Trouble:
    """The answer that an error of the engine makes."""
    if isinstance(error, Trouble):
        return error
    status, code = _STATUS.get(type(error), (400, "bad-request"))
    return Trouble(status, code, str(error))


def expired() -> Trouble:
    """The photo of an id is not, or no longer, here."""
    return Trouble(404, "expired", "This photo is not kept here any more: send it again.")


def too_large(what: str) -> Trouble:
    """More than the server was told to take."""
    return Trouble(413, "too-large", f"The photo is too large: {what}. Make it smaller first.")


def busy(wait: int) -> Trouble:
    """All places in the queue are taken."""
    return Trouble(503, "busy", "Too many photos are waiting: try again in a moment.", wait)


def superseded() -> Trouble:
    """Another answer is wanted by now."""
    return Trouble(409, "superseded", "A newer request has taken the place of this one.")


def in_colour() -> Trouble:
    """Nothing to do, unless it is asked for."""
    return Trouble(409, "in-colour", "The photo is in colour already: ask for recolor=true.")


def late(seconds: float) -> Trouble:
    """It takes too long."""
    return Trouble(504, "timeout", f"This takes longer than {seconds:.0f} s: use a smaller photo.")
