"""What can go wrong in a request, each with a status, a word for programs and a sentence."""

from __future__ import annotations

import logging
import re
from typing import Any

from starlette.responses import JSONResponse

from photochrom.errors import (
    BadModel,
    BadPhoto,
    CannotWrite,
    InColor,
    MissingExtra,
    PhotochromError,
    kind_and_place,
)
from photochrom.image.photo_file import DAMAGED_ADVICE

_NO_MEMORY = "bad_alloc", "Insufficient memory", "Failed to allocate"
"""How libraries say that they find no memory."""


class RequestProblem(PhotochromError):
    """An answer that is no result.

    Args:
        status: of HTTP.
        code: one word, for programs.
        sentence: for the user.
        wait: seconds after which to try again.
        log: what to log when it is answered.
    """

    def __init__(
        self, status: int, code: str, sentence: str, wait: int | None = None, log: str = ""
    ) -> None:
        super().__init__(sentence)
        self.status, self.code, self.wait, self.log = status, code, wait, log

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle: they arise in worker processes, too."""
        return RequestProblem, (self.status, self.code, str(self), self.wait, self.log)

    def response(self) -> JSONResponse:
        """The answer."""
        if self.log:
            logging.getLogger("photochrom").error("%s", self.log)
        headers = {} if self.wait is None else {"Retry-After": str(self.wait)}
        return JSONResponse({"detail": str(self), "code": self.code}, self.status, headers)


def as_problem(error: BaseException) -> RequestProblem:
    """The answer that an error makes which came up in work on a photo.

    What nobody has foreseen is logged by its kind and place; not by its words, which may be those
    of the photo.
    """
    if isinstance(error, RequestProblem):
        return error
    if _lacks_memory(error):
        return out_of_memory()
    if not isinstance(error, PhotochromError):
        place = kind_and_place(error)
        sentence = (
            f"Something went wrong inside photochrom with this photo ({place}): "
            "please report it, with the photo."
        )
        return RequestProblem(422, "failed", sentence, log=place)
    sentence = _for_page(str(error))
    if isinstance(error, (BadPhoto, MissingExtra)):
        return RequestProblem(415, "not-an-image", sentence)
    if isinstance(error, InColor):
        words = "This photo is in colour already: send recolor=true to recolour it anyway."
        return RequestProblem(409, "in-colour", words)
    if isinstance(error, BadModel):  # whose sentence says where its file is
        return failed("The model failed on this photo: try another size, or another model.")
    return failed(sentence) if isinstance(error, CannotWrite) else bad_request(sentence)


def _for_page(sentence: str) -> str:
    """A sentence on a file that was sent, without what only the command line can do about it."""
    plain = sentence.replace(DAMAGED_ADVICE, "")
    plain = re.sub(r"^the photo (?=is|has)", "this file ", plain, flags=re.IGNORECASE)
    return plain[:1].upper() + plain[1:]


def _lacks_memory(error: BaseException | None) -> bool:
    """Whether that is behind it, in the words of whichever library."""
    while error is not None:
        if isinstance(error, MemoryError) or any(words in str(error) for words in _NO_MEMORY):
            return True
        error = error.__cause__ or error.__context__
    return False


def bad_request(sentence: str) -> RequestProblem:
    """The request is wrong."""
    return RequestProblem(400, "bad-request", sentence)


def failed(sentence: str) -> RequestProblem:
    """The photo cannot be coloured."""
    return RequestProblem(422, "failed", sentence)


def too_large(what: str) -> RequestProblem:
    """More than the server was told to take."""
    sentence = f"This photo is too large: {what}. Make it smaller first."
    return RequestProblem(413, "too-large", sentence)


def too_many_bytes(megabytes: float) -> RequestProblem:
    """More bytes than that."""
    return too_large(f"more than {megabytes:g} MB")


def out_of_memory() -> RequestProblem:
    """The photo takes more memory than it may."""
    return too_large("it needs more memory than there is")


def busy(wait: int) -> RequestProblem:
    """There is no more room."""
    sentence = "Too many photos are waiting: try again in a moment."
    return RequestProblem(503, "busy", sentence, wait)


def superseded() -> RequestProblem:
    """Another answer is wanted by now."""
    sentence = "A newer request has taken the place of this one."
    return RequestProblem(409, "superseded", sentence)
