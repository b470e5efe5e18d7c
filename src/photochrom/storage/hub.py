"""The Hugging Face Hub: which file an ``hf://`` address means today, and what its digest is.

The Hub tells of a revision its commit and, of each file in its large storage, size and SHA-256:
https://huggingface.co/docs/hub/api. ``HF_ENDPOINT`` names another Hub, ``HF_TOKEN`` the user.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from photochrom.errors import BadModel, BadOption, PhotochromError
from photochrom.storage import https
from photochrom.storage.model_address import ModelAddress

_HUB = "https://huggingface.co"
_MOST = 16_000_000  # bytes of what the Hub tells of a revision


class Download(NamedTuple):
    """What to fetch."""

    url: str
    sha256: str
    name: str
    """What to call the model."""
    headers: Mapping[str, str]
    commit: str
    """Of the Hub's repository; "" for other servers."""


def find_download(address: ModelAddress) -> Download:
    """Find the file of an address; of the Hub by asking it.

    Raises:
        BadModel: there is no such file, or none that may be had.
        BadOption: the user's settings for the Hub make no sense.
        PhotochromError: the Hub does not answer.
    """
    if address.repository is None:
        name = PurePosixPath(urlsplit(address.source).path).stem
        return Download(address.source, address.sha256 or "", name, {}, "")
    endpoint = (os.environ.get("HF_ENDPOINT") or _HUB).rstrip("/")
    headers = _authorization()
    told = _ask(address, endpoint, headers)
    known = {
        str(file.get("rfilename")): file for file in told["siblings"] if isinstance(file, dict)
    }
    file = _choose(address, [name for name in known if name.lower().endswith(".onnx")])
    sha256 = _digest(address, file, known[file])
    url = f"{endpoint}/{address.repository}/resolve/{told['sha']}/{quote(file)}"
    stem = PurePosixPath(address.file or "model.onnx").stem
    name = address.repository.rpartition("/")[2] if stem == "model" else stem
    return Download(url, sha256, name, headers, told["sha"])


def _authorization() -> dict[str, str]:
    token = os.environ.get("HF_TOKEN", "").strip()
    if not (token.isascii() and (not token or token.isprintable())):
        raise BadOption("What is in HF_TOKEN is no token: copy it anew.")
    return {"Authorization": f"Bearer {token}"} if token else {}


def _ask(address: ModelAddress, endpoint: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """What the Hub tells of a revision: its commit, ``sha``, and its files, ``siblings``."""
    revision = quote(address.revision, safe="")
    url = f"{endpoint}/api/models/{address.repository}/revision/{revision}?blobs=true"
    host = urlsplit(endpoint).hostname or endpoint

    def ask() -> dict[str, Any]:
        reply = https.fetch_url(url, _MOST, local=https.is_local(endpoint), headers=headers)
        if https.may_pass(reply.status):
            wait = https.requested_wait(reply.headers) or 0.0
            raise https.Unreachable(f"error {reply.status}", wait)
        if reply.status != 200:
            raise _refused(address, host, reply, signed=bool(headers))
        try:
            told = json.loads(reply.body)
            if re.fullmatch(r"[0-9a-f]{40}", told["sha"]) and isinstance(told["siblings"], list):
                return dict(told)
        except (ValueError, TypeError, KeyError, RecursionError):
            pass
        raise https.Unreachable("the answer does not tell which files there are")

    https.check_url(endpoint, https.is_local(endpoint))
    try:
        return https.keep_trying(ask)
    except https.Unreachable as error:
        raise PhotochromError(
            f"{host} does not answer ({error}): try again later, or take a model that is here "
            "(photochrom models lists them)."
        ) from error


def _refused(
    address: ModelAddress, host: str, reply: https.Reply, *, signed: bool
) -> PhotochromError:
    code = reply.headers.get("x-error-code", "")
    if code == "RevisionNotFound":
        return BadModel(
            f"{address.repository} has no revision {address.revision}: check what follows the @."
        )
    if code == "GatedRepo":
        return is_gated(address)
    if reply.status in (401, 403, 404):
        token = "of somebody who may read it" if signed else "if it is private"
        return BadModel(
            f"There is no {address.repository} at {host} that you may read: check the name, and "
            f"put a token {token} into HF_TOKEN."
        )
    return BadModel(f"{host} refuses {address.source} (error {reply.status}): check the address.")


def is_gated(address: ModelAddress) -> BadModel:
    """The sentence for files that are given only to those who have accepted terms."""
    return BadModel(
        f"{address.repository} is given only to those who have accepted its terms: do so on its "
        "page at the Hub, and put your token into HF_TOKEN."
    )


def _choose(address: ModelAddress, files: list[str]) -> str:
    """The file that is meant."""
    have = ", ".join(sorted(files)[:8]) or "none"
    if address.file:
        if address.file in files:
            return address.file
        raise BadModel(f"{address.repository} has no {address.file}: its .onnx files are: {have}.")
    if len(files) == 1:
        return files[0]
    if not files:
        raise BadModel(f"{address.repository} has no .onnx file: name another repository.")
    if "model.onnx" in files:
        return "model.onnx"
    raise BadModel(
        f"{address.repository} has several .onnx files ({have}): name one, as in "
        f"{address.source}/{min(files)}."
    )


def _digest(address: ModelAddress, file: str, told: dict[str, Any]) -> str:
    """The digest that the file must have."""
    lfs = told.get("lfs")
    sha256 = str(lfs.get("sha256", "")).lower() if isinstance(lfs, dict) else ""
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        if address.sha256 is None:
            raise BadModel(
                f"The Hub tells no SHA-256 of {file}, as it is not in its large storage: upload it "
                "by git-lfs, or add #sha256=... to the address."
            )
        return address.sha256
    if address.sha256 not in (None, sha256):
        raise BadModel(
            f"{address.source} is not the file that was asked for: its SHA-256 is {sha256}, not "
            f"{address.sha256}. Nothing was fetched: check the address and the digest."
        )
    return sha256
