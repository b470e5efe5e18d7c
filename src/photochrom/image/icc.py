"""Colour profiles (ICC): pixels of any profile to sRGB.

A profile that cannot be used, broken or of another kind than the pixels, is ignored, and the pixels
are taken for sRGB: what browsers do, and better than refusing a photograph that can be seen.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import numpy as np

from photochrom.color import Array
from photochrom.image.levels import Levels, bands

Space = Literal["grey", "RGB", "CMYK", "Lab"]

_SPACES: dict[bytes, Space] = {b"GRAY": "grey", b"RGB ": "RGB", b"CMYK": "CMYK", b"Lab ": "Lab"}
"""ICC.1:2022, table 19."""
_CODES = {"grey": "gray", "RGB": "rgb", "CMYK": "cmyk", "Lab": "lab"}
_CLASSES = (b"scnr", b"mntr", b"prtr", b"spac")
"""Table 18: what stands for colours as they are, and not for a way between two devices."""
_TOLERANCE = 1 / 255  # sRGB profiles by different makers differ by less, other spaces by more
_MOST = 1 << 26  # bytes of a profile, beyond which it is none
_DAMAGED = "its colour profile is damaged and was ignored"
_HDR_NOTE = "its brightness is coded for HDR screens, and is shown as if it were not"


@cache
def _builtin_profile(name: Literal["LAB", "sRGB"]) -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()


def srgb_profile() -> bytes:
    """An sRGB profile to embed."""
    return _builtin_profile("sRGB")


def to_srgb(pixels: Levels, space: Space, profile: bytes | None) -> tuple[Levels, str | None]:
    """Bring pixels to sRGB by the profile that came with them.

    Args:
        pixels: (H, W) grey, (H, W, 3) RGB or Lab, or (H, W, 4) CMYK, 0 for no ink; uint8 or
            uint16. Lab is encoded as in version 4 profiles: L 0..100 over the whole range, a and
            b -128..127 over the whole range.
        space: what they are.
        profile: may be broken, of another kind, or missing.

    Returns:
        (H, W) or (H, W, 3) of the same dtype, and a note where the profile was ignored.
    """
    if space == "Lab":
        return _transform(pixels, space, _builtin_profile("LAB")), None
    note = None
    if profile:
        try:
            note = _misfit(profile, space)
            if note is None:
                return _apply(profile, pixels, space), None
        except MemoryError:
            raise
        except Exception:  # the library tells broken profiles by more than one type
            note = _DAMAGED
    return (_cmyk_to_rgb(pixels) if space == "CMYK" else pixels), note


def _misfit(profile: bytes, space: Space) -> str | None:
    """Why a profile is not for such pixels; None if it may be."""
    if len(profile) < 132 or profile[36:40] != b"acsp" or len(profile) > _MOST:
        return _DAMAGED
    if profile[12:16] not in _CLASSES:
        return "its colour profile leads from one device to another and was ignored"
    told = _SPACES.get(profile[16:20])
    if told == space or (told == "RGB" and space == "grey" and _changes_nothing(profile, "RGB")):
        return None  # sRGB on grey, as many programs embed it, leaves greys what they are
    other = told or profile[16:20].decode("latin-1").strip()
    return f"its colour profile is for {other} and not for {space} pixels, and was ignored"


def _apply(profile: bytes, pixels: Levels, space: Space) -> Levels:
    if _SPACES[profile[16:20]] != space or _changes_nothing(profile, space):
        return pixels
    if space == "grey":
        return _grey_table(profile, int(np.iinfo(pixels.dtype).max))[pixels]
    return _transform(pixels, space, profile)


def _grey_table(profile: bytes, top: int) -> Levels:
    """What every grey level 0..top becomes."""
    ramp = np.linspace(0, 1, top + 1, dtype=np.float32).reshape(1, -1)
    curve = _transform(ramp, "grey", profile)[0, :, 1]
    levels: Levels = np.rint(curve.clip(0, 1) * top)
    return levels.astype(np.uint8 if top == 255 else np.uint16)


def _changes_nothing(profile: bytes, space: Space) -> bool:
    """Whether a profile does no more than sRGB would: told by deed, not by name."""
    if space == "CMYK":
        return False
    ramp = np.linspace(0, 1, 256, dtype=np.float32)
    probe = ramp[None]
    if space == "RGB":
        probe = np.concatenate([np.repeat(ramp[:, None], 3, axis=1), _PRIMARIES])[None]
    became = _transform(probe, space, profile)
    expected = probe[..., None] if space == "grey" else probe
    return float(np.abs(became - expected).max()) <= _TOLERANCE


_PRIMARIES = (
    np.array([[200, 50, 50], [50, 200, 50], [50, 50, 200]], np.float32) / 255
)  # in any gamut


def _transform(pixels: Array, space: Space, profile: bytes) -> Array:
    """Levels through a profile to sRGB, (H, W, 3) of the same dtype, a few rows at a time."""
    import imagecodecs

    height, width = pixels.shape[:2]
    result = np.empty((height, width, 3), pixels.dtype)
    exactly = space == "RGB" and pixels.dtype == np.uint16  # whose shadows lcms would interpolate
    for rows in bands(pixels):
        part = pixels[rows].astype(np.float32) / 65535 if exactly else pixels[rows]
        part = imagecodecs.cms_transform(
            np.ascontiguousarray(part),
            profile,
            srgb_profile(),
            colorspace=_CODES[space],
            outcolorspace="rgb",
            outdtype=part.dtype.char,
        )
        result[rows] = np.rint(part.clip(0, 1) * 65535) if exactly else part
    return result


def _cmyk_to_rgb(ink: Levels) -> Levels:
    """CMYK (H, W, 4) as RGB, as if inks were perfect."""
    top, result = int(np.iinfo(ink.dtype).max), np.empty((*ink.shape[:2], 3), ink.dtype)
    for rows in bands(ink):
        light = top - ink[rows].astype(np.uint32)
        result[rows] = (light[..., :3] * light[..., 3:] + top // 2) // top
    return result


# --- colour spaces that are told in other ways ------------------------------------------------

_SRGB_GAMMA = 0.45455
_SRGB_CHROMATICITY = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
_CICP_PRIMARIES = {  # ITU-T H.273, table 2, where white is D65
    1: _SRGB_CHROMATICITY,
    9: (0.3127, 0.329, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    12: (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
}
_CICP_GAMMAS = {4: 1 / 2.2, 5: 1 / 2.8, 8: 1.0}  # table 3
_CICP_HDR = (16, 18)


def find_profile(info: dict[Any, Any], space: Space) -> tuple[bytes | None, str | None]:
    """The profile that a picture's ``info`` stands for, and a note on what cannot be honoured.

    PNG tells its colour space in four ways, of which the first counts (3rd edition, 4.3): code
    points (cICP), profile (iCCP), sRGB, gamma and chromaticities (gAMA, cHRM).

    Args:
        info: Pillow's, with ``cicp`` as four numbers.
        space: what the pixels are.
    """
    try:
        if "cicp" in info:
            primaries, curve = info["cicp"][:2]
            points = _CICP_PRIMARIES.get(primaries, _SRGB_CHROMATICITY)
            profile = _make_profile(_CICP_GAMMAS.get(curve), points, space)
            return profile, _HDR_NOTE if curve in _CICP_HDR else None
        if info.get("icc_profile"):
            return info["icc_profile"], None
        gamma = info.get("gamma")
        if "srgb" in info or not gamma or not 0.01 < gamma < 100:
            return None, None
        plain = abs(gamma / _SRGB_GAMMA - 1) <= 0.05
        points = info.get("chromaticity") or _SRGB_CHROMATICITY
        return _make_profile(None if plain else gamma, points, space), None
    except Exception:  # what a program has put there may be anything
        return None, _DAMAGED


def _make_profile(gamma: float | None, points: Any, space: Space) -> bytes | None:
    """A profile of a power curve (None: sRGB's own) and of white, red, green and blue in x, y."""
    usual = np.allclose(points, _SRGB_CHROMATICITY, atol=0.005)
    if gamma is None and (usual or space != "RGB"):
        return None
    import imagecodecs

    exponent = 1 / (gamma or _SRGB_GAMMA)
    try:
        if space != "RGB":
            return bytes(imagecodecs.cms_profile("gray", gamma=exponent))
        pairs = [(*points[i : i + 2], 1.0) for i in range(0, 8, 2)]
        white, (red, green, blue) = pairs[0], pairs[1:]
        return bytes(
            imagecodecs.cms_profile(
                "rgb", whitepoint=white, primaries=(*red, *green, *blue), gamma=exponent
            )
        )
    except Exception:  # chromaticities that are none
        return None
