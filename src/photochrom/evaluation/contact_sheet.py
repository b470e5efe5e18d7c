"""A contact sheet: photographs side by side in several versions, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from photochrom.color import Pixels
from photochrom.errors import BadOption

WIDEST = 16 / 9  # a wider photo is fitted into the width, lest one panorama widens every column


def make_contact_sheet(
    rows: Sequence[Sequence[Pixels | None]],
    columns: Sequence[str],
    height: int = 240,
    across: int = 1,
    captions: Sequence[str] = (),
) -> Image.Image:
    """Lay photos out on white: a row for each photo, a captioned column for each version.

    Args:
        rows: for each photo its versions, ``(H, W, 3)`` uint8 sRGB of any size, in the order of
            ``columns``; None leaves the place empty.
        columns: the captions, for example grey, coloured, original.
        height: of every row in pixels; photos are scaled to it.
        across: how many photos lie side by side, each with its own set of columns, counted
            from left to right and then down.
        captions: of each photo, below its versions; by default none.

    Raises:
        BadOption: there is nothing to lay out, a row does not have one place per column, or there
            is not one caption per photo.
    """
    if not rows or not columns:
        raise BadOption("A contact sheet needs at least one photo and one column.")
    if across < 1:
        raise BadOption(f"across is {across}: give 1 photo or more side by side.")
    for number, row in enumerate(rows, 1):
        if len(row) != len(columns):
            raise BadOption(f"Row {number} has {len(row)} places for {len(columns)} columns.")
    if captions and len(captions) != len(rows):
        raise BadOption(
            f"There are {len(captions)} captions for {len(rows)} photos: give one for each."
        )
    thumbs = [[None if p is None else thumbnail(p, height) for p in row] for row in rows]
    blocks = [thumbs[i::across] for i in range(min(across, len(thumbs)))]
    gap = max(2, height // 40)
    letters = max(10, height // 14)  # the size of the captions, in pixels
    head = 2 * letters
    step = height + gap + (head if captions else 0)
    # Each column is as wide as its widest photo; an empty one is square.
    widths = [
        [max((t.width for t in column if t), default=height) for column in zip(*block, strict=True)]
        for block in blocks
    ]
    size = (
        sum(sum(w) + gap * len(w) for w in widths) + gap * (2 * len(blocks) - 1),
        head + len(blocks[0]) * step + gap,
    )
    page = Image.new("RGB", size, "white")
    left = gap
    for number, (block, block_widths) in enumerate(zip(blocks, widths, strict=True)):
        span = sum(block_widths) + gap * (len(block_widths) - 1)
        for line, caption in enumerate(captions[number::across]):
            y = head + line * step + height + letters
            _caption(page, caption, left + span / 2, y, span, letters)
        for column, width in enumerate(block_widths):
            _caption(page, columns[column], left + width / 2, head / 2, width, letters)
            for line, versions in enumerate(block):
                if thumb := versions[column]:
                    top = head + line * step + (height - thumb.height) // 2
                    page.paste(thumb, (left + (width - thumb.width) // 2, top))
            left += width + gap
        left += 2 * gap  # a wider gap between photos than between versions of one
    return page


def thumbnail(photo: Pixels, height: int) -> Image.Image:
    """The photo scaled to ``height``, or to the widest that a place may be.

    Raises:
        BadOption: no height is left.
    """
    if height < 1:
        raise BadOption(f"height is {height}: give 1 pixel or more.")
    tall, wide = photo.shape[:2]
    scale = min(height / tall, WIDEST * height / wide)
    size = max(1, round(wide * scale)), max(1, round(tall * scale))
    return Image.fromarray(photo).resize(size, Image.Resampling.LANCZOS)


def _caption(page: Image.Image, text: str, x: float, y: float, width: int, size: int) -> None:
    """Centre words on (x, y), in smaller letters where the column is too narrow for them."""
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(size)
    if (length := draw.textlength(text, font)) > width:
        font = ImageFont.load_default(max(6, size * width / length))
    draw.text((x, y), text, fill=(60, 60, 60), font=font, anchor="mm")
