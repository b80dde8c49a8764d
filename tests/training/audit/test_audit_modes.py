"""The head of a picture file says what it is; no bytes whatever make that fail."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from training.audit.modes import describe_fault, read_mode

GRAY = Image.fromarray(np.arange(64 * 64, dtype=np.uint16).reshape(64, 64).astype(np.uint8))


def encoded(picture, kind, **options):
    """Return a picture as a file's bytes."""
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def turned(kind):
    """Return a picture that EXIF turns by 90 degrees."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(GRAY.convert("RGB"), kind, exif=exif)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (encoded(GRAY, "JPEG"), "JPEG gray"),
        (encoded(GRAY.convert("RGB"), "JPEG"), "JPEG colour"),
        (encoded(GRAY.convert("RGB"), "JPEG", progressive=True), "JPEG colour"),
        (encoded(GRAY.convert("CMYK"), "JPEG"), "JPEG CMYK"),
        (encoded(GRAY, "PNG"), "PNG gray"),
        (encoded(Image.fromarray(np.zeros((9, 9), np.uint16)), "PNG"), "PNG 16-bit gray"),
        (encoded(GRAY.convert("P"), "PNG"), "PNG palette"),
        (encoded(GRAY.convert("LA"), "PNG"), "PNG gray with alpha"),
        (encoded(GRAY.convert("RGBA"), "PNG"), "PNG colour with alpha"),
        (encoded(GRAY, "TIFF"), "TIFF gray"),
        (encoded(Image.fromarray(np.zeros((9, 9), np.uint16)), "TIFF"), "TIFF 16-bit gray"),
        (encoded(GRAY.convert("RGB"), "TIFF"), "TIFF colour"),
        (cv2.imencode(".tiff", np.zeros((9, 9, 3), np.uint16))[1].tobytes(), "TIFF 16-bit colour"),
        (encoded(GRAY.convert("CMYK"), "TIFF"), "TIFF CMYK"),
        (encoded(GRAY.convert("RGBA"), "TIFF"), "TIFF colour with alpha"),
        (encoded(GRAY, "BMP"), "BMP"),
        (encoded(GRAY.convert("RGB"), "WEBP"), "WebP"),
        (b"hello", "unknown"),
        (b"", "unknown"),
    ],
)
def test_the_mode_is_read(data, name):
    """Format, depth and colours stand in the first bytes."""
    assert read_mode(data).name == name


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_a_turn_in_exif_is_seen(kind):
    """A picture that is stored lying is told from one that is not."""
    assert read_mode(turned(kind)).turned
    assert not read_mode(encoded(GRAY.convert("RGB"), kind)).turned


def test_stronger_compression_is_coarser():
    """The quantisation table gives a JPEG's quality away; nothing else has one."""
    fine, coarse = (read_mode(encoded(GRAY, "JPEG", quality=each)) for each in (95, 40))
    assert 0 < fine.coarseness < coarse.coarseness
    assert read_mode(encoded(GRAY, "PNG")).coarseness == 0


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (encoded(GRAY, "JPEG")[:-300], "cut short"),
        (encoded(GRAY, "PNG")[:-30], "cut short"),
        (b"hello", "no picture"),
        (b"BM" + bytes(40), "damaged"),
        (encoded(GRAY, "TIFF", save_all=True, append_images=[GRAY]), "several pictures"),
    ],
)
def test_a_fault_is_named(data, why):
    """What cannot be decoded has a reason that a technician understands."""
    assert why in describe_fault(data)


EXIF = b"\xff\xd8\xff\xe1\x00\x20Exif\0\0II*\0"
HEADS = [b"", b"\xff\xd8", EXIF, b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"RIFF"]


@given(st.sampled_from(HEADS), st.binary(max_size=120))
def test_no_bytes_make_it_fail(head, rest):
    """A hostile or damaged head gives some name and some reason."""
    assert read_mode(head + rest).name
    assert describe_fault(head + rest)


@given(st.integers(0, 2000), st.sampled_from(["JPEG", "TIFF"]))
def test_no_cut_makes_it_fail(length, kind):
    """A file that ends anywhere gives some name."""
    assert read_mode(turned(kind)[:length]).name
