"""The forms of answers, as they are sent and as the API's description has them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from fastapi.responses import Response
from PIL import Image

from photochrom.web import schemas
from photochrom.web.engine import ChromaPlanes, ColoredFile, result_name

Responses = dict[int | str, dict[str, Any]]

NOTES = "X-Photochrom-Notes"
"""The header that tells what of a photo was left out."""
CHROMA = "X-Photochrom-Chroma"
"""The header that tells what is to be known of colours as lines over the lightness."""
_PROBLEMS = {
    400: "The request is wrong, or cannot be done by this model.",
    401: "The token is missing or wrong.",
    403: "The request came from a foreign page.",
    404: "The photo is not kept any more.",
    408: "The rest of the request did not come.",
    409: "In colour already, or a newer request has come.",
    413: "Too many bytes or pixels.",
    415: "Not a picture.",
    421: "The server has no such name.",
    422: "The request has not the described shape, or the photo cannot be coloured.",
    500: "A mistake of ours.",
    503: "The queue is full; Retry-After says when to come again.",
    504: "It takes too long.",
}
_SOME = {404, 409, 415}
"""Statuses that not every request may be answered with."""


def describe_problems(*more: int) -> Responses:
    """What a request may be answered with instead of a result."""
    return {
        status: {"model": schemas.Problem, "description": words}
        for status, words in _PROBLEMS.items()
        if status not in _SOME or status in more
    }


def picture(kind: str, words: str, *more: int) -> dict[str, Any]:
    """How a route is described that answers with a picture, or with more problems than usual."""
    described: dict[str, Any] = {
        "content": {kind: {"schema": {"type": "string", "format": "binary"}}},
        "description": words,
    }
    if kind == "image/*":
        notes = "What of the photo was left out beside its picture, and why; percent-encoded UTF-8."
        described["headers"] = {NOTES: {"description": notes, "schema": {"type": "string"}}}
    return {"response_class": Response, "responses": {200: described} | describe_problems(*more)}


def binary(words: str, header: str) -> dict[str, Any]:
    """How a route is described that answers with numbers, and with JSON about them in a header."""
    described = picture("application/octet-stream", words, 409)
    told = {"description": "JSON: width, height, low, high.", "schema": {"type": "string"}}
    described["responses"][200]["headers"] = {header: told}
    return described


def chroma_response(planes: ChromaPlanes) -> Response:
    """Colours as lines over the lightness."""
    facts = {name: value for name, value in planes._asdict().items() if name != "content"}
    headers = {CHROMA: json.dumps(facts)}
    return Response(planes.content, media_type="application/octet-stream", headers=headers)


def _attachment(name: str) -> dict[str, str]:
    """The header that names a file, in any script."""
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    coded = quote(name.encode("utf-8", "replace"))
    words = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{coded}"
    return {"Content-Disposition": words}


def file_response(result: ColoredFile, name: str) -> Response:
    """A photo's result as a file named after the photo."""
    headers = _attachment(result_name(name, result.kind))
    if result.notes:
        headers[NOTES] = quote("; ".join(result.notes), safe=" ;,:()'")
    media = Image.MIME.get(result.kind, f"image/{result.kind.lower()}")
    return Response(result.content, media_type=media, headers=headers)


def jpeg_response(content: bytes, name: str | None = None) -> Response:
    """A picture to look at, or a file of that name."""
    headers = None if name is None else _attachment(name)
    return Response(content, media_type="image/jpeg", headers=headers)
