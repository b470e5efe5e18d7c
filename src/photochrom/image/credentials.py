"""Content Credentials: a signed statement in a file of how its picture came to be (C2PA).

A file is signed when all else about it is done, as any change would break the signature. What is
stated is that the original was opened (``c2pa.opened``, with the original as ``parentOf``
ingredient) and that a trained model edited it (``c2pa.edited``); C2PA has no action for colouring
(C2PA Technical Specification 2.2, 18.15.2). The key is the user's; nothing is fetched or sent, and
there is no timestamp of anybody else.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from photochrom import files
from photochrom.errors import BadOption, CannotWrite, MissingExtra
from photochrom.image.photo_file import open_file
from photochrom.image.provenance import Provenance

SIGNABLE = {
    "AVIF": "image/avif",
    "HEIF": "image/heif",
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "TIFF": "image/tiff",
    "WEBP": "image/webp",
}
"""Formats that a signature fits into, by Pillow's names, with their media types."""
_CITED = {**SIGNABLE, "GIF": "image/gif", "JPEG XL": "image/jxl"}
"""Formats of originals whose own credentials can be cited."""
_MOST = 2**20
"""Bytes of a file with certificates or a key."""
_SETTINGS = {
    "version": 1,
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
}
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@dataclass(frozen=True)
class Statement:
    """What is signed of a result."""

    provenance: Provenance
    title: str = ""
    """The name of the result's file."""
    source: Path | None = None
    """The original's file, whose own credentials are cited; None to name it alone."""


class Signer:
    """A certificate and its key, tried out; threads may share it.

    Args:
        cert: a PEM file: the certificate, and those of its issuers but for the root.
        key: a PEM file: its private key, not locked by a password.

    Raises:
        BadOption: they cannot sign. MissingExtra: what signs is not installed.
    """

    def __init__(self, cert: Path, key: Path) -> None:
        _import_c2pa()
        self._chain = _read_pem(cert)
        self._algorithm, self._key = _check_pair(cert, self._chain, key, _read_pem(key))
        trial = io.BytesIO()
        Image.new("RGB", (16, 16)).save(trial, "JPEG")
        trial.seek(0)
        try:
            self.sign(trial, "JPEG", io.BytesIO(), Statement(Provenance(version="0")))
        except CannotWrite as error:
            raise BadOption(
                f"{cert} cannot sign pictures ({error.__cause__}): it has to be a certificate for "
                "signing documents, with those of its issuers after it."
            ) from error

    def prepare(
        self, title: str, source: Path | None, told: Sequence[Provenance]
    ) -> Callable[[BinaryIO, str, BinaryIO], None]:
        """What signs one result.

        Args:
            title: the name of its file.
            source: the original's file, whose own credentials are cited; None to name it alone.
            told: what the marks of its pages tell, when it is encoded.
        """

        def sign(encoded: BinaryIO, kind: str, file: BinaryIO) -> None:
            self.sign(encoded, kind, file, Statement(told[0], title, source))

        return sign

    def sign(self, encoded: BinaryIO, kind: str, file: BinaryIO, statement: Statement) -> None:
        """Write an encoded picture with its credentials.

        Args:
            encoded: the picture's file, from its beginning.
            kind: Pillow's name of its format, one of :data:`SIGNABLE`.
            file: gets the same with the signature; open for reading and writing.
            statement: what is to be signed.

        Raises:
            CannotWrite: the format has no room for it, or something about it is wrong.
        """
        check_signable(kind)
        c2pa = _import_c2pa()
        told = c2pa.C2paSignerInfo(self._algorithm, self._chain, self._key, None)
        try:
            with (
                c2pa.Signer.from_info(told) as signer,
                c2pa.Context.from_dict(_SETTINGS) as context,
                _builder(c2pa, context, kind, statement) as builder,
            ):
                builder.sign(signer, SIGNABLE[kind], encoded, file)
        except c2pa.C2paError as error:
            raise CannotWrite(
                f"The result cannot be signed ({error}): write it without --sign."
            ) from error


def check_signable(kind: str, source: Path | bytes | None = None) -> None:
    """Refuse a result that a signature does not fit into.

    Args:
        kind: Pillow's name of its format.
        source: what it is made of.

    Raises:
        CannotWrite: the format has no room, or there are several pages. BadPhoto: as for reading.
    """
    if kind not in SIGNABLE:
        fits = ", ".join(sorted(SIGNABLE))
        raise CannotWrite(f"{kind} files cannot be signed: write one of {fits}, or without --sign.")
    if kind != "TIFF" or source is None:
        return
    with open_file(source, damaged=True) as file:
        if file.pages > 1:
            raise CannotWrite(
                f"{file.name} has {file.pages} pages, and a signature would stand as one more, "
                "which other programs cannot read: split it, or leave out --sign."
            )


def _builder(c2pa: Any, context: Any, kind: str, statement: Statement) -> Any:
    """What makes the manifest."""
    original = statement.provenance.original
    ingredient = {
        "label": "original",
        "relationship": "parentOf",
        "title": (original and original.name) or "original",
        "format": "application/octet-stream",
    }
    if original is not None:
        ingredient["instance_id"] = original.instance_id
    manifest = _manifest(statement, SIGNABLE[kind])
    if (media := _media_type(statement.source)) and statement.source is not None:
        ingredient["format"] = media
        builder = c2pa.Builder(json.dumps(manifest), context)
        try:
            with statement.source.open("rb") as stream:
                builder.add_ingredient(ingredient, media, stream)
            return builder
        except (c2pa.C2paError, OSError):  # a broken file; its name and digest still tell it
            builder.close()
    manifest["ingredients"] = [ingredient]
    return c2pa.Builder(json.dumps(manifest), context)


def _manifest(statement: Statement, media: str) -> dict[str, Any]:
    told = statement.provenance
    agent = {"name": "photochrom", "version": told.version}
    edit: dict[str, Any] = {
        "action": "c2pa.edited",
        "softwareAgent": agent,
        "digitalSourceType": told.source_type,
        "description": told.note,
    }
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["original"]}}
    if told.when:
        opened["when"] = edit["when"] = told.when
    actions = {"actions": [opened, edit]}
    return {
        "claim_generator_info": [agent],
        "title": statement.title,
        "format": media,
        "assertions": [{"label": "c2pa.actions.v2", "data": actions, "created": True}],
    }


def _media_type(source: Path | None) -> str | None:
    """That of a file whose credentials can be cited, as far as its first bytes tell."""
    if source is None:
        return None
    try:
        with files.open_plain(source) as file, Image.open(file) as image:
            kind = "JPEG" if image.format == "MPO" else image.format
    except Exception:  # whatever the bytes provoke
        return None
    return _CITED.get(kind or "")


# --- certificate and key ----------------------------------------------------------------------


def _import_c2pa() -> Any:
    try:
        import c2pa
    except ImportError as error:
        raise MissingExtra("c2pa-python", "c2pa") from error
    return c2pa


def _read_pem(path: Path) -> bytes:
    try:
        return files.read_plain(path, _MOST)
    except OSError as error:
        raise BadOption(
            f"{path} cannot be read ({error.strerror or error}): --sign takes two PEM files, a "
            "certificate and its key."
        ) from error


def _check_pair(cert: Path, chain: bytes, key: Path, secret: bytes) -> tuple[str, bytes]:
    """The algorithm of a certificate and a key that belong together, and the key as PKCS #8.

    Raises:
        BadOption: they are none, do not belong together, or are not valid now.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_pem_private_key,
    )

    try:
        (own, *_) = x509.load_pem_x509_certificates(chain)
    except ValueError as error:
        raise BadOption(
            f"{cert} holds no certificate in PEM: give that first, then its key."
        ) from error
    try:
        private = load_pem_private_key(secret, None)
    except TypeError as error:
        raise BadOption(
            f"{key} is locked by a password: unlock it, as with openssl pkey -in {key.name} -out "
            "unlocked.key."
        ) from error
    except ValueError as error:
        raise BadOption(
            f"{key} holds no private key in PEM: give the certificate, then its key."
        ) from error
    if own.public_key() != private.public_key():
        raise BadOption(f"{key} is not the key of {cert}: give the two that belong together.")
    if not own.not_valid_before_utc <= datetime.now(UTC) <= own.not_valid_after_utc:
        raise BadOption(
            f"{cert} is valid from {own.not_valid_before_utc:%Y-%m-%d} to "
            f"{own.not_valid_after_utc:%Y-%m-%d}: give one that is valid now."
        )
    form = Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    return _algorithm(private, key), private.private_bytes(*form)


def _algorithm(private: Any, key: Path) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(private, rsa.RSAPrivateKey):
        return "ps256"
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name in _CURVES:
        return _CURVES[private.curve.name]
    raise BadOption(f"{key} is of a kind that C2PA does not take: use RSA, P-256 or Ed25519.")
