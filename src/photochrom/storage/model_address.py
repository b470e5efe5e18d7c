"""Addresses of models: on the Hugging Face Hub, or anywhere by https and a SHA-256.

============================================  ====================================================
``hf://owner/name``                           the one .onnx file of a repository of the Hub
``hf://owner/name@revision``                  as of a branch, a tag or a commit; ``/`` in it is %2F
``hf://owner/name/folder/file.onnx``          one of several; also after ``@revision``
``https://host/file.onnx#sha256=<64 digits>`` any server's; the digest is not optional
============================================  ====================================================

``#sha256=`` may end a ``hf://`` address, too: then the Hub need not be trusted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from photochrom.errors import BadOption

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):/+", re.IGNORECASE | re.ASCII)
_HUB = re.compile(
    r"(?P<repository>[\w-][\w.-]*/[\w-][\w.-]*)(@(?P<revision>[\w.%+~-]+))?(/(?P<file>.+))?",
    re.ASCII,
)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_UNSEEN = re.compile(r"[\x00-\x20\x7f-\xa0\\]")
_HOW = "write hf://owner/name, hf://owner/name@revision, or either with /file.onnx"


@dataclass(frozen=True)
class ModelAddress:
    """Where a model's file is to be had."""

    source: str
    """The address without its digest."""
    sha256: str | None = None
    """Of the file, 64 hexadecimal digits in lower case."""
    repository: str | None = None
    """owner/name on the Hub; None for other servers, as for the two below."""
    revision: str = "main"
    file: str | None = None
    """Its place in the repository; None for the only one."""


def is_address(model: str) -> bool:
    """Whether a model is named by an address, and not by its name or path."""
    return _SCHEME.match(model) is not None


def parse_address(model: str, sha256: str | None = None) -> ModelAddress:
    """Read an address.

    One that was taken for a path has lost one of its slashes, and gets it back.

    Args:
        model: the address.
        sha256: the file's digest, if it does not end the address.

    Raises:
        BadOption: it is none, or says two things.
    """
    plain, _, fragment = model.partition("#")
    digest = _read_digest(model, fragment, sha256)
    scheme = _SCHEME.match(plain)
    kind = scheme[1].lower() if scheme else ""
    rest = plain[scheme.end() :] if scheme else ""
    if _UNSEEN.search(plain) or kind not in ("hf", "https", "http"):
        raise BadOption(
            f"{model} is no address of a model: {_HOW}, or https://host/file.onnx#sha256=..."
        )
    if kind == "hf":
        return _parse_hub(model, rest, digest)
    return _parse_url(model, f"{kind}://{rest}", digest)


def _parse_hub(model: str, rest: str, digest: str | None) -> ModelAddress:
    found = _HUB.fullmatch(rest.rstrip("/"))
    file = found["file"] if found else None
    parts = file.split("/") if file else []
    if not found or {"", ".", ".."} & set(parts):
        raise BadOption(f"{model} names no model of the Hub: {_HOW}.")
    if file and not file.lower().endswith(".onnx"):
        raise BadOption(f"{model} names no .onnx file, which is all that is loaded: {_HOW}.")
    repository, revision = found["repository"], unquote(found["revision"] or "main")
    at = f"@{found['revision']}" if found["revision"] else ""
    source = f"hf://{repository}{at}{f'/{file}' if file else ''}"
    return ModelAddress(source, digest, repository, revision, file)


def _parse_url(model: str, url: str, digest: str | None) -> ModelAddress:
    try:
        parts = urlsplit(url)
        whole, _ = bool(parts.hostname), parts.port
    except ValueError:
        whole = False
    if not whole:
        raise BadOption(f"{model} is no address: check how it is written.")
    if "@" in parts.netloc:
        raise BadOption("An address with a password in it would be kept and shown: leave it out.")
    if digest is None:
        raise BadOption(
            f"{url} could hold another file tomorrow: add #sha256= and the SHA-256 that its "
            "publisher tells."
        )
    return ModelAddress(url, digest)


def _read_digest(model: str, fragment: str, given: str | None) -> str | None:
    key, _, value = fragment.partition("=")
    if fragment and key != "sha256":
        raise BadOption(f"{model} ends in #{fragment}: what can stand there is #sha256=...")
    told = {digest.strip().lower() for digest in (value if fragment else None, given) if digest}
    if len(told) > 1:
        raise BadOption(f"{model} is given two different SHA-256: leave one out.")
    digest = told.pop() if told else ("" if fragment or given == "" else None)
    if digest is not None and not _DIGEST.fullmatch(digest):
        raise BadOption(f"{digest or 'Nothing'} is no SHA-256: give its 64 hexadecimal digits.")
    return digest
