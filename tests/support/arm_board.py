"""What an arm64 Debian in a folder needs beside qemu-user to look like a Raspberry Pi's.

qemu-user emulates instructions only: /proc and /sys are the host's. The runtime's library for
telling processors apart finds an x86 there, and XNNPACK then falls out without a word, or crashes.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

CORES = 4
# As `cat /proc/cpuinfo` gives them on a Pi 4 and a Pi 5: part number, variant, revision, features.
PROCESSORS = {
    "cortex-a72": ("0xd08", "0x0", 3, "fp asimd evtstrm crc32 cpuid"),
    "cortex-a76": (
        "0xd0b",
        "0x4",
        1,
        "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc "
        "dcpop asimddp",
    ),
}


def cpuinfo(processor: str) -> str:
    """Return what /proc/cpuinfo holds on a board with that processor."""
    part, variant, revision, features = PROCESSORS[processor]
    cores = (
        f"processor\t: {number}\nBogoMIPS\t: 108.00\nFeatures\t: {features}\n"
        f"CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: {variant}\n"
        f"CPU part\t: {part}\nCPU revision\t: {revision}\n\n"
        for number in range(CORES)
    )
    return "".join(cores)


@contextmanager
def board_files(tree: Path, processor: str) -> Iterator[None]:
    """Mount /proc and /sys in the tree, with that processor's cpuinfo; needs root."""
    told = tree / "root" / "cpuinfo"
    told.write_text(cpuinfo(processor))
    with ExitStack() as stack:
        stack.callback(told.unlink)
        for options, place in (
            (["-t", "proc", "proc"], tree / "proc"),
            (["-t", "sysfs", "-o", "ro", "sysfs"], tree / "sys"),
            (["--bind", str(told)], tree / "proc" / "cpuinfo"),
        ):
            subprocess.run(["mount", *options, str(place)], check=True)
            stack.callback(subprocess.run, ["umount", str(place)], check=True)
        yield
