"""Only whole pictures are pictures, and every mode of them comes out as a camera would give it."""

import io

import cv2
import numpy as np
import pytest

from training.errors import DataError
from training.pictures import decode_picture, load_picture

Image = pytest.importorskip("PIL.Image", reason="Pillow makes the files: linewarden[train]")

ALPHA = np.repeat(np.array([0, 128, 255, 0], np.uint8), 10)[:, None].repeat(60, axis=1)


def _smooth(shape):
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    soft = cv2.GaussianBlur(noise, (0, 0), 5)
    return cv2.normalize(soft, None, 0, 255, cv2.NORM_MINMAX)


GRAY = _smooth((40, 60))
COLOUR = np.dstack([GRAY, np.roll(GRAY, 9, 1), np.roll(GRAY, 17, 0)])  # red, green, blue


def _file(pixels, kind, mode=None, **options):
    stream = io.BytesIO()
    picture = Image.fromarray(pixels)
    (picture if mode is None else picture.convert(mode)).save(stream, kind, **options)
    return stream.getvalue()


def _opencv(pixels, suffix):
    """Return a file of 16 bits, which Pillow cannot write in colour; the full range is used."""
    deep = pixels.astype(np.uint16) * 257
    if deep.ndim == 3:
        deep = deep[..., [2, 1, 0, 3][: deep.shape[2]]]
    return cv2.imencode(suffix, deep)[1].tobytes()


@pytest.fixture
def jpeg():
    """Return the bytes of a JPEG with something to see."""
    frame = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    return cv2.imencode(".jpg", frame)[1].tobytes()


def test_a_whole_picture_is_decoded_in_colour(jpeg):
    """A JPEG gives three channels, also with a few bytes after its end."""
    assert decode_picture(jpeg).shape == (64, 64, 3)
    assert decode_picture(jpeg + bytes(100)).shape == (64, 64, 3)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_ordinary_pictures_are_opencvs_to_the_bit(suffix):
    """Nothing stands between an 8-bit picture and OpenCV."""
    data = cv2.imencode(suffix, COLOUR)[1]
    assert np.array_equal(decode_picture(data.tobytes()), cv2.imdecode(data, cv2.IMREAD_COLOR))


MODES = {
    "16-bit gray PNG": (_opencv(GRAY, ".png"), GRAY),
    "16-bit colour PNG": (_opencv(COLOUR, ".png"), COLOUR),
    "16-bit gray TIFF": (_opencv(GRAY, ".tif"), GRAY),
    "16-bit colour TIFF": (_opencv(COLOUR, ".tif"), COLOUR),
    "gray PNG": (_file(GRAY, "PNG"), GRAY),
    "black and white": (_file((GRAY > 99).astype(np.uint8) * 255, "PNG", "1"), (GRAY > 99) * 255),
    "gray WebP": (_file(np.dstack([GRAY] * 3), "WEBP", lossless=True), GRAY),
    "colour PNG with alpha": (_file(np.dstack([COLOUR, ALPHA]), "PNG"), COLOUR),
    "16-bit PNG with alpha": (_opencv(np.dstack([COLOUR, ALPHA]), ".png"), COLOUR),
    "gray PNG with alpha": (_file(np.dstack([GRAY, ALPHA]), "PNG"), GRAY),
    "TIFF with alpha": (_file(np.dstack([COLOUR, ALPHA]), "TIFF"), COLOUR),
    "gray TIFF with alpha": (_file(np.dstack([GRAY, ALPHA]), "TIFF"), GRAY),
    "WebP with alpha": (
        _file(np.dstack([COLOUR, ALPHA]), "WEBP", lossless=True, exact=True),
        COLOUR,
    ),
    "CMYK TIFF": (_file(COLOUR, "TIFF", "CMYK"), COLOUR),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_gives_the_pixels_that_were_drawn(mode):
    """Depth, palette and transparency leave no trace; the colour under an alpha stays."""
    data, drawn = MODES[mode]
    expected = drawn[..., ::-1] if drawn.ndim == 3 else np.dstack([drawn] * 3)
    frame = decode_picture(data)
    assert frame.dtype == np.uint8
    assert np.array_equal(frame, expected)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_a_palette_becomes_colour(kind):
    """An indexed picture is looked up, also where one index is transparent."""
    indexed = Image.fromarray(COLOUR).quantize(64)
    stream = io.BytesIO()
    indexed.save(stream, kind, **({"transparency": 3} if kind == "PNG" else {}))
    assert np.array_equal(
        decode_picture(stream.getvalue()), np.asarray(indexed.convert("RGB"))[..., ::-1]
    )


def test_a_cmyk_jpeg_is_no_negative():
    """Printers' colours come back, within what JPEG loses."""
    frame = decode_picture(_file(COLOUR, "JPEG", "CMYK", quality=98))
    assert np.abs(frame.astype(int) - COLOUR[..., ::-1]).mean() < 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turn_noted_in_exif_is_made(kind, orientation):
    """A camera held upright gives an upright picture."""
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    data = _file(COLOUR, kind, exif=exif)
    with Image.open(io.BytesIO(data)) as opened:
        turned = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))[..., ::-1]
    frame = decode_picture(data)
    assert frame.shape == turned.shape
    assert np.abs(frame.astype(int) - turned).mean() < 1


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_cut_jpeg_is_no_picture(jpeg, share):
    """OpenCV would fill the missing part with gray; we refuse it."""
    assert decode_picture(jpeg[: int(share * len(jpeg))]) is None


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "WEBP"])
def test_a_cut_file_is_never_another_picture(kind):
    """Cut anywhere, a file is refused, or whole in all its pixels."""
    data = _file(COLOUR, kind)
    whole = decode_picture(data)
    for missing in (1, 5, 13, 50, len(data) // 2, len(data) - 9):
        frame = decode_picture(data[:-missing])
        assert frame is None or np.array_equal(frame, whole)


@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_a_cut_file_is_refused_whatever_opencv_makes_of_it(kind, monkeypatch):
    """OpenCV 4 gives a picture where OpenCV 5 gives none."""
    data = cv2.imencode(f".{kind}", COLOUR)[1].tobytes()
    gray = np.full((64, 64, 3), 128, np.uint8)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: gray)
    assert decode_picture(data) is gray
    assert decode_picture(data[:-200]) is None


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_several_frames_are_not_one_picture(kind):
    """An animation or a stack of pages has no single label; a decoder would take the first."""
    stream = io.BytesIO()
    pages = [Image.fromarray(COLOUR), Image.fromarray(255 - COLOUR)]
    pages[0].save(stream, kind, save_all=True, append_images=pages[1:])
    assert decode_picture(stream.getvalue()) is None


def test_a_thumbnail_in_a_tiff_is_no_second_picture():
    """A reduced page beside the picture is left aside."""
    stream = io.BytesIO()
    thumbnail = Image.fromarray(COLOUR[::4, ::4])
    thumbnail.encoderinfo = {"tiffinfo": {254: 1}}
    Image.fromarray(COLOUR).save(
        stream, "TIFF", save_all=True, append_images=[thumbnail], compression="raw"
    )
    assert np.array_equal(decode_picture(stream.getvalue()), COLOUR[..., ::-1])


@pytest.mark.parametrize("scale", [1.0, 1 / 255])
def test_pixels_without_levels_are_refused(scale):
    """Nobody says what a float means: black to white, or 0 to 1."""
    assert decode_picture(_file((GRAY * scale).astype(np.float32), "TIFF")) is None


@pytest.mark.parametrize(
    "data",
    [
        *(
            b"",
            b"\xff\xd8",
            b"no picture",
            b"\x89PNG\r\n\x1a\n",
            b"II*\0",
            b"MM\0*\xff\xff\xff\xff",
        ),
        *(b"II*\0\x08\0\0\0\xff\xff", b"RIFF\0\0\0\0WEBPVP8X", b"BM"),
    ],
)
def test_other_bytes_are_no_picture(data):
    """Nothing, beginnings and text are refused without a fault."""
    assert decode_picture(data) is None


def test_a_picture_that_went_away_is_named(tmp_path, jpeg):
    """A file that vanished or broke after the index was made gives one line."""
    path = tmp_path / "a.jpg"
    with pytest.raises(DataError, match=r"cannot read .*a.jpg"):
        load_picture(path)
    path.write_bytes(jpeg[:100])
    with pytest.raises(DataError, match="readable before"):
        load_picture(path)
