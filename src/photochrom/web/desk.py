"""What the requests share: the desk they come to, and the forms of answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, BinaryIO, TypeVar
from urllib.parse import quote

from fastapi import File, Path, Request, UploadFile
from fastapi.responses import Response
from PIL import Image

from photochrom.web import schemas, trouble
from photochrom.web.children import Children, Errand
from photochrom.web.engine import Engine, Whole, result_name
from photochrom.web.queue import Lane, Queue
from photochrom.web.sessions import Sessions

T = TypeVar("T")

NOTES = "X-Photochrom-Notes"
"""The header that tells what of a photo was left out."""
Upload = Annotated[UploadFile, File(description="the photo; what it is, is found by reading it")]
Id = Annotated[str, Path(description="of a photo that was sent", max_length=100)]


class Desk:
    """What the requests share.

    There are two queues, so that who looks at a photo does not wait for those who send theirs.
    """

    light: Queue
    """For what is done with previews."""
    heavy: Queue
    """For what is done with files, in children."""
    children: Children

    def __init__(self, engine: Engine, sessions: Sessions, megabytes: float) -> None:
        self.engine, self.sessions, self.megabytes = engine, sessions, megabytes

    async def look(self, request: Request, work: Callable[[], T], lane: Lane | None = None) -> T:
        """The result of some work on a preview; as :meth:`Queue.run`.

        Raises:
            Trouble: as there; or the photo provokes what nobody has foreseen.
        """
        return await self.light.run(request, trouble.guarded(work), lane)

    async def send(self, request: Request, work: Callable[[Errand], T]) -> T:
        """The result of some work on a file, for which a child can be sent.

        Raises:
            Trouble: as :meth:`look` and :meth:`Errand.do`.
        """
        errand = Errand(self.children)
        work_on_it = trouble.guarded(lambda: work(errand))
        return await self.heavy.run(request, work_on_it, call_off=errand.call_off)

    def file(self, photo: UploadFile) -> BinaryIO:
        """A photo's file, to be read when its turn comes: what waits lies on the disk."""
        if (photo.size or 0) > self.megabytes * 1e6:
            raise trouble.heavy(self.megabytes)
        return photo.file


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a request may be answered with instead, for the description of the API."""
    always = (400, 401, 403, 408, 413, 421, 422, 500, 503, 504)
    return {
        status: {"model": schemas.Problem, "description": _WORDS[status]}
        for status in sorted({*always, *statuses})
    }


_WORDS = {
    400: "The request is wrong, or cannot be done by this model.",
    401: "The token is missing or wrong.",
    403: "The request came from a foreign page.",
    404: "The photo is not kept any more.",
    409: "In colour already, or a newer request has come.",
    408: "The rest of the request did not come.",
    413: "Too many bytes or pixels.",
    415: "Not a picture.",
    421: "The server has no such name.",
    422: "The request has not the described shape, or the photo cannot be coloured.",
    500: "A mistake of ours.",
    503: "The queue is full; Retry-After says when to come again.",
    504: "It takes too long.",
}


def binary(kind: str, words: str) -> dict[int | str, dict[str, Any]]:
    """An answer that is a picture, for the description of the API."""
    content = {kind: {"schema": {"type": "string", "format": "binary"}}}
    told: dict[str, Any] = {"content": content, "description": words}
    if kind == "image/*":
        told["headers"] = {
            NOTES: {
                "description": "What of the photo was left out beside its picture, and why; "
                "percent-encoded UTF-8.",
                "schema": {"type": "string"},
            }
        }
    return {200: told}


def _attachment(name: str) -> dict[str, str]:
    """The header that names a file, in any script."""
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    coded = quote(name.encode("utf-8", "replace"))
    words = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{coded}"
    return {"Content-Disposition": words}


def attached(whole: Whole, name: str) -> Response:
    """A photo's result as a file named after the photo."""
    kind = whole.kind
    headers = _attachment(result_name(name, kind))
    if whole.notes:
        headers[NOTES] = quote("; ".join(whole.notes), safe=" ;,:()'")
    media = Image.MIME.get(kind, f"image/{kind.lower()}")
    return Response(whole.content, media_type=media, headers=headers)


def jpeg(content: bytes, name: str | None = None) -> Response:
    """A picture to look at, or a file of that name."""
    headers = None if name is None else _attachment(name)
    return Response(content, media_type="image/jpeg", headers=headers)
