"""Pictures of pages, kept beside the tests and compared so that another machine's fonts are no finding.

A picture is looked at in blocks: each block's mean colour counts, a small share of them may differ. Times and dates
are stilled before the picture is taken. ``DESK_PICTURES=renew`` writes the pictures anew.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops

FOLDER = Path(__file__).parent / "pictures"
BLOCK = 16  # pixels each way
SHADE = 14  # of 255: how far a block's colour may be off
SHARE = 0.03  # of all blocks
COLOURS = 96
RENEW = os.environ.get("DESK_PICTURES") == "renew"
STILL = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (const clock of document.querySelectorAll("[data-since]")) clock.removeAttribute("data-since");
  while (walker.nextNode()) {
    const text = walker.currentNode;
    const still = text.data
      .replace(/\\b(Mo|Di|Mi|Do|Fr|Sa|So)\\b(?=,? \\d)/g, "Mo")
      .replace(/\\b\\d{2}\\.\\d{2}\\.(\\d{4})?/g, (_all, year) => (year ? "12.11.2026" : "12.11."))
      .replace(/\\b\\d{2}:\\d{2}(:\\d{2})?\\b/g, "10:42")
      .replace(/\\b\\d:\\d{2}\\b/g, "0:42");
    if (still !== text.data) text.data = still;
  }
  for (const bar of document.querySelectorAll(".day-bar rect")) bar.setAttribute("width", "1000");
  document.activeElement?.matches("button") && document.activeElement.blur();
}"""


def take(page: Any, *, full: bool = False) -> Image.Image:
    """What the page shows now, with its times stilled."""
    page.evaluate("document.fonts.ready")
    page.evaluate(STILL)
    shot = page.screenshot(full_page=full, animations="disabled", caret="hide")
    return Image.open(io.BytesIO(shot)).convert("RGB")


def differing(one: Image.Image, other: Image.Image) -> float:
    """The share of blocks whose colours differ; 1 for pictures of different shapes (up to a few lines of text)."""
    if abs(one.width - other.width) > 1 or abs(one.height - other.height) > 6 * BLOCK:
        return 1.0
    size = (min(one.width, other.width), min(one.height, other.height))
    blocks = (max(1, size[0] // BLOCK), max(1, size[1] // BLOCK))
    small = [
        picture.convert("RGB").crop((0, 0, *size)).resize(blocks, Image.Resampling.BOX) for picture in (one, other)
    ]
    apart = ImageChops.difference(*small)
    channels = [band.point(lambda value: 255 if value > SHADE else 0) for band in apart.split()]
    worst = ImageChops.lighter(ImageChops.lighter(channels[0], channels[1]), channels[2])
    return worst.histogram()[255] / (blocks[0] * blocks[1])


def _quantised(picture: Image.Image) -> Image.Image:
    """The picture in its own most frequent colours: plain surfaces keep theirs to the letter."""
    counted = sorted(picture.getcolors(picture.width * picture.height) or (), reverse=True)
    palette = Image.new("P", (1, 1))
    palette.putpalette([channel for _cases, colour in counted[:COLOURS] for channel in colour])  # type: ignore[union-attr]
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


def compare(name: str, picture: Image.Image) -> str:
    """What is wrong with this picture beside the kept one; empty when nothing is."""
    kept = FOLDER / f"{name}.png"
    if RENEW:
        FOLDER.mkdir(exist_ok=True)
        _quantised(picture).save(kept, optimize=True)
        return ""
    if not kept.exists():
        return f"{name}: no picture is kept; DESK_PICTURES=renew takes it"
    share = differing(Image.open(kept), picture)
    if share <= SHARE:
        return ""
    shown = Path(os.environ.get("CALLCENTER_VAR", "var")) / "pictures"
    shown.mkdir(parents=True, exist_ok=True)
    picture.save(shown / f"{name}.png")
    return f"{name}: {share:.1%} of the picture differs; what was seen: {shown / name}.png"
