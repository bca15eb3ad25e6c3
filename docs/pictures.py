# ruff: noqa: INP001 - part of a script, not of a package
"""Takes small pictures of sample notices: four shades of grey, as good as paper."""

import base64
import shutil
import struct
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from freezeguard.bootstrap import notices_page

if TYPE_CHECKING:
    from playwright.sync_api import Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH, SCALE = 640, 0.9
_IN_SHADES = """async picture => {
    const image = new Image();
    image.src = 'data:image/png;base64,' + picture;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const {width, height, data} = context.getImageData(0, 0, image.width, image.height);
    const row = 1 + Math.ceil(width / 4), packed = new Uint8Array(row * height);
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
        const at = 4 * (y * width + x);
        const grey = 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
        packed[y * row + 1 + (x >> 2)] |= Math.round(grey / 85) << (6 - 2 * (x & 3));
    }
    let text = '';
    for (const one of packed) text += String.fromCharCode(one);
    return [width, height, btoa(text)];
}"""
"""Has the browser itself read a picture: rows of two bits for each dot, as PNG stores them."""


def draw_notices(folder: Path) -> None:
    """Take a picture of the HTML part of each sample notice."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        sys.exit("The pictures need Chromium; on Debian: apt install chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_context(
            viewport={"width": WIDTH, "height": 400}, device_scale_factor=SCALE
        ).new_page()
        for one in notices_page.SPECIMENS:
            for language in notices_page.LANGUAGES:
                page.set_content(notices_page.worded(one, language).html)
                (folder / f"{one.name}.{language}.png").write_bytes(_picture(page))
        browser.close()


def _picture(page: "Page") -> bytes:
    """Return what a page shows, in four shades of grey."""
    taken = base64.b64encode(page.screenshot(full_page=True, scale="device")).decode()
    width, height, packed = page.evaluate(_IN_SHADES, taken)
    head = struct.pack(">IIBBBBB", width, height, 2, 0, 0, 0, 0)
    dots = zlib.compress(base64.b64decode(packed), 9)
    chunks = _chunk(b"IHDR", head), _chunk(b"IDAT", dots), _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(
        ">I", zlib.crc32(kind + content)
    )
