"""Content Credentials: what is signed and read back, and what is refused before any work."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from commands import run, run_without
from photochrom.errors import BadOption, CannotWrite
from photochrom.image.credentials import SIGNABLE, Signer, Statement
from photochrom.image.encoding import writable_formats
from photochrom.image.manifests import NOTE, has_manifest
from photochrom.image.photo import Photo
from photochrom.image.provenance import SOURCE_TYPE, Original, Provenance
from photochrom.image.reader import read_pages, read_photo
from photochrom.image.writer import encode_photo

c2pa = pytest.importorskip("c2pa", reason="needs the extra c2pa")
x509 = pytest.importorskip("cryptography.x509")

from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: E402

KINDS = sorted(SIGNABLE.keys() & writable_formats())
PLAIN = Statement(Provenance(version="1"))
KEYS = {
    "es256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ps256": lambda: rsa.generate_private_key(65537, 2048),
}


def make_pair(folder: Path, kind: str = "es256", days: float = 2, eku: str = "email") -> list[Path]:
    """PEM files of a certificate that a test authority issued, with that, and of its key."""
    begin = datetime.now(UTC) - timedelta(days=1)
    top, own = KEYS[kind](), KEYS[kind]()
    purpose = {
        "email": x509.ExtendedKeyUsageOID.EMAIL_PROTECTION,
        "server": x509.ExtendedKeyUsageOID.SERVER_AUTH,
    }[eku]

    def certify(name: str, key: Any, is_top: bool) -> bytes:
        names = [
            x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, who)])
            for who in (name, "Test authority")
        ]
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
        ) | {"crl_sign": is_top, "encipher_only": False, "decipher_only": False}
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(top.public_key())
        made = (
            x509.CertificateBuilder(*names[::-1], key.public_key(), x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + timedelta(days=days))
            .add_extension(authority, critical=False)
            .add_extension(x509.BasicConstraints(ca=is_top, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(digital_signature=not is_top, key_cert_sign=is_top, **usage),
                critical=True,
            )
        )
        if not is_top:
            made = made.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        return bytes(made.sign(top, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    cert, secret = folder / f"{kind}.pem", folder / f"{kind}.key"
    cert.write_bytes(certify("Town archive", own, False) + certify("Test authority", top, True))
    # As older tools write it: not what the C2PA library takes, but what archives have.
    form = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    secret.write_bytes(own.private_bytes(serialization.Encoding.PEM, *form))
    return [cert, secret]


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> list[Path]:
    return make_pair(tmp_path_factory.mktemp("pair"))


@pytest.fixture
def gradient() -> Photo:
    return Photo(np.dstack([np.linspace(0, 65535, 40 * 60).reshape(40, 60).astype(np.uint16)] * 3))


def read_manifest(data: bytes, kind: str) -> dict[str, Any]:
    """The manifest of a file that holds as its signature says."""
    with c2pa.Reader(SIGNABLE[kind], io.BytesIO(data)) as reader:
        store = json.loads(reader.json())
        assert reader.get_validation_state() == "Valid"
        codes = [status["code"] for status in store["validation_status"]]
        assert codes == ["signingCredential.untrusted"]  # as nobody knows the test authority
        return dict(reader.get_active_manifest())


# --- what is signed ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_each_format_reads_back_valid_and_its_pixels_and_metadata_stay(kind, pair, gradient):
    signer = Signer(*pair)
    original = Original(sha256="ab" * 32, name="anna.tif")
    told = Provenance(version="1.2", model="hintnet", model_version="3", original=original)

    def sign(encoded, name, file):
        signer.sign(encoded, name, file, Statement(told, "anna.color.tif"))

    plain, signed = encode_photo(gradient, kind), encode_photo(gradient, kind, sign=sign)
    manifest = read_manifest(signed, kind)
    assert manifest["title"] == "anna.color.tif"
    assert manifest["claim_generator_info"][0]["name"] == "photochrom"
    (ingredient,) = manifest["ingredients"]
    assert ingredient["relationship"] == "parentOf"
    assert ingredient["title"] == "anna.tif"
    assert ingredient["instance_id"] == f"nih:sha-256;{'ab' * 32}"
    (told,) = (each for each in manifest["assertions"] if each["label"] == "c2pa.actions.v2")
    opened, edited = told["data"]["actions"]
    assert (opened["action"], edited["action"]) == ("c2pa.opened", "c2pa.edited")
    assert edited["digitalSourceType"] == SOURCE_TYPE
    assert edited["softwareAgent"] == {"name": "photochrom", "version": "1.2"}
    assert edited["description"] == "colorized by photochrom 1.2, model hintnet 3"
    assert not has_manifest(plain)
    notes = []
    for before, after in zip(read_pages(plain), read_pages(signed), strict=True):
        np.testing.assert_array_equal(before.pixels, after.pixels)
        assert (before.exif, before.xmp) == (after.exif, after.xmp)
        assert NOTE not in before.notes
        notes += after.notes
    assert notes.count(NOTE) == 1


def test_a_signed_file_that_was_changed_is_known(pair, gradient):
    signer = Signer(*pair)
    data = bytearray(encode_photo(gradient, "PNG", sign=lambda *way: signer.sign(*way, PLAIN)))
    data[-30] ^= 1
    with c2pa.Reader("image/png", io.BytesIO(bytes(data))) as reader:
        assert reader.get_validation_state() == "Invalid"


def test_rsa_signs_as_well(tmp_path, gradient):
    signer = Signer(*make_pair(tmp_path, "ps256"))
    data = encode_photo(gradient, "JPEG", sign=lambda *way: signer.sign(*way, PLAIN))
    assert read_manifest(data, "JPEG")["signature_info"]["alg"] == "Ps256"


def test_from_the_command_line_the_originals_credentials_are_cited(photo, model, pair, out, capsys):
    asked = ("--model", model, "--sign", *pair)
    assert run("colorize", photo, "-o", out / "one.jpg", *asked) == 0
    first = read_manifest((out / "one.jpg").read_bytes(), "JPEG")
    assert first["ingredients"][0]["title"] == photo.name
    assert capsys.readouterr().err == ""
    assert run("colorize", out / "one.jpg", "-o", out / "two.png", "--recolor", *asked) == 0
    assert NOTE in capsys.readouterr().err
    second = read_manifest((out / "two.png").read_bytes(), "PNG")
    assert second["ingredients"][0]["active_manifest"] == first["label"]
    strip = ("--strip", "--recolor", *asked)
    assert run("colorize", out / "one.jpg", "-o", out / "three.png", *strip) == 0
    (stripped,) = read_manifest((out / "three.png").read_bytes(), "PNG")["ingredients"]
    assert stripped["title"] == "original"
    assert "active_manifest" not in stripped


def test_an_unsigned_result_of_a_signed_photo_has_no_credentials(pair, model, tmp_path, gradient):
    signer = Signer(*pair)
    for kind in KINDS:
        source, target = tmp_path / f"a.{kind.lower()}", tmp_path / f"b.{kind.lower()}"
        source.write_bytes(encode_photo(gradient, kind, sign=lambda *way: signer.sign(*way, PLAIN)))
        assert run("colorize", source, "-o", target, "--model", model) == 0
        assert not has_manifest(target.read_bytes())
        assert NOTE not in read_photo(target).notes


# --- what is refused --------------------------------------------------------------------------


def test_pairs_that_cannot_sign_are_refused_in_a_sentence(tmp_path, pair):
    cert, key = pair
    (other, old) = (tmp_path / name for name in ("other", "old"))
    other.mkdir()
    old.mkdir()
    wrong = {
        "is not the key of": (cert, make_pair(other)[1]),
        "is valid from": make_pair(old, days=0.5),
        "holds no certificate": (key, cert),
        "holds no private key": (cert, cert),
        "cannot be read": (cert, tmp_path / "nowhere.key"),
        "cannot sign pictures": make_pair(tmp_path, eku="server"),
    }
    for words, given in wrong.items():
        with pytest.raises(BadOption, match=words):
            Signer(*given)
    locked = tmp_path / "locked.key"
    secret = serialization.load_pem_private_key(key.read_bytes(), None)
    form = serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    locked.write_bytes(secret.private_bytes(serialization.Encoding.PEM, *form))
    with pytest.raises(BadOption, match="locked by a password"):
        Signer(cert, locked)


def test_a_format_that_cannot_be_signed_is_refused_before_the_work(photo, model, pair, out, capsys):
    assert run("colorize", photo, "-o", out / "a.bmp", "--model", model, "--sign", *pair) == 1
    assert "BMP files cannot be signed" in capsys.readouterr().err
    assert not (out / "a.bmp").exists()
    with pytest.raises(CannotWrite, match="PPM"):
        Signer(*pair).sign(io.BytesIO(), "PPM", io.BytesIO(), PLAIN)


def test_several_pages_are_not_signed_and_one_that_others_signed_is_told_of(
    photo, model, pair, out, gradient, capsys
):
    pages = photo.with_name("pages.tif")
    pages.write_bytes(encode_photo([gradient, gradient], "TIFF"))
    asked = ("colorize", pages, "-o", out / "a.tif", "--model", model)
    assert run(*asked, "--sign", *pair) == 1
    assert "pages.tif has 2 pages" in capsys.readouterr().err
    assert not (out / "a.tif").exists()
    signer = Signer(*pair)
    pages.write_bytes(
        encode_photo([gradient] * 3, "TIFF", sign=lambda *way: signer.sign(*way, PLAIN))
    )
    assert run(*asked) == 0
    assert capsys.readouterr().err.count(NOTE) == 1
    assert len([*read_pages(out / "a.tif")]) == 3


def test_half_a_pair_is_refused_in_a_sentence(photo, capsys):
    assert run("colorize", photo, "--sign", "archive.pem") == 2
    assert "--sign takes CERT and KEY: see" in capsys.readouterr().err


def test_what_is_not_marked_is_not_signed(photo, model, pair, capsys):
    assert run("colorize", photo, "--model", model, "--no-mark", "--sign", *pair) == 2
    assert "leave out --sign" in capsys.readouterr().err


def test_without_the_extra_the_sentence_says_how_to_get_it(photo, model, pair):
    code, said = run_without("c2pa", "colorize", photo, "--model", model, "--sign", *pair)
    assert code == 1
    assert "pip install 'photochrom[c2pa]'" in said
    assert not photo.with_name(f"{photo.stem}.color{photo.suffix}").exists()


def test_junk_is_no_manifest():
    for junk in (b"", b"RIFF", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", bytes(100), b"\xff" * 100):
        assert not has_manifest(junk)
    file = io.BytesIO()
    Image.new("L", (9, 9)).save(file, "GIF")
    assert not has_manifest(file.getvalue())
