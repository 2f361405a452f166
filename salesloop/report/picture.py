"""Take a picture of a page, as the README shows one: ``python -m salesloop.report.picture PAGE.html PICTURE.png``."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from salesloop.errors import ParameterError

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def take_picture(page: Path, picture: Path, *, width: int = 1060, height: int = 1240) -> Path:
    """Write a picture of the top of a page and return it.

    Parameters
    ----------
    page, picture : path
        The HTML file and the PNG to write.
    width, height : int
        The window in CSS pixels.

    Raises
    ------
    ParameterError
        The page does not exist, or no Chromium is installed.
    """
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        raise ParameterError(
            "Chromium", found="not installed", allowed="chromium or google-chrome on the PATH",
            next_step="apt-get install chromium",
        )  # fmt: skip
    if not page.is_file():
        raise ParameterError(
            f"page {page.name}", found="no such file", allowed="a page of a report", next_step="make report"
        )
    picture.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        command = [
            browser, *_FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}",
            f"--screenshot={picture.resolve()}", page.resolve().as_uri(),
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    _lean(picture)
    return picture


def _lean(picture: Path) -> None:
    """Keep a page's few colours and a picture's few kilobytes."""
    from PIL import Image

    with Image.open(picture) as drawn:
        drawn.convert("RGB").quantize(colors=64, dither=Image.Dither.NONE).save(picture, optimize=True)


if __name__ == "__main__":
    print(take_picture(Path(sys.argv[1]), Path(sys.argv[2])))
