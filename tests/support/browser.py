"""Opens a page in a real headless browser: what its console says, and a screenshot."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

DEADLINE_S = 120

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_LINE = re.compile(r"^\[[^\]]*:CONSOLE[:(][^\]]*\] (.*)", re.MULTILINE)


def find_browser() -> str | None:
    """Return the path of a browser that can run without a screen, or None."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


needs_browser = pytest.mark.skipif(find_browser() is None, reason="needs chromium or chrome")


def open_page(
    path: Path, screenshot: Path, *, width: int = 1280, height: int = 2000, dark: bool = False
) -> list[str]:
    """Open a local page, write a PNG of its first `height` pixels, return its console's lines.

    Every message counts, whatever its level; a page that is well says nothing. Raises RuntimeError
    where the browser gives no screenshot.
    """
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        said = _run(_command(path, screenshot, profile, (width, height), dark=dark))
    if not screenshot.is_file() or screenshot.stat().st_size == 0:
        raise RuntimeError(f"the browser made no screenshot of {path}:\n{said[-2000:]}")
    return _LINE.findall(said)


def _command(
    path: Path, screenshot: Path, profile: str, size: tuple[int, int], *, dark: bool
) -> list[str]:
    browser = find_browser()
    if browser is None:
        raise RuntimeError("there is no browser on this machine")
    options = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--hide-scrollbars", "--disable-background-networking", "--disable-component-update",
        "--enable-logging=stderr", "--v=0", f"--user-data-dir={profile}",
        f"--window-size={size[0]},{size[1]}", f"--screenshot={screenshot}",
    ]  # fmt: skip
    if dark:
        options.append("--blink-settings=preferredColorScheme=0")
    return [browser, *options, path.resolve().as_uri()]


def _run(command: list[str]) -> str:
    """Run the browser with all that it starts in one group, which ends with it."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        return process.communicate(timeout=DEADLINE_S)[1]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
