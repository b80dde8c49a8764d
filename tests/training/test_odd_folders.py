"""Folders as people have them: subfolders, sizes and modes mixed, other names, one class."""

import cv2
import numpy as np
import pytest

pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")
pytest.importorskip("PIL", reason="Pillow makes the files: linewarden[train]")

from PIL import Image
from rich.console import Console

from bundle.manifest import InputSpec
from bundle.prepare import prepare_frame
from training import fit
from training.batches import PictureBatches
from training.dataset import read_index
from training.errors import DataError
from training.pipeline import begin_run, plan_options
from training.progress import FitProgress
from training.run_folder import RunFolder
from training.scoring import load_keras_model

pytestmark = pytest.mark.train

SPEC = InputSpec(height=32, width=32, frame_height=40, frame_width=40)


def _as_16_bit(frame):
    return cv2.imencode(".png", frame.astype(np.uint16) * 257)[1].tobytes()


def _as_mode(frame, path, mode, **options):
    picture = Image.fromarray(frame[..., ::-1])
    if mode == "RGBA":
        picture.putalpha(7)
    picture.convert(mode).save(path, **options)


def _turned(frame, path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    Image.fromarray(np.rot90(frame)[..., ::-1]).save(path, exif=exif)


@pytest.fixture
def odd(data):
    """Return the drawn folder with every fourth picture in another mode, size or subfolder."""
    for folder in sorted((data / "train").iterdir()):
        for number in range(0, 20, 4):
            path = folder / f"{number:03d}.png"
            frame = cv2.imread(str(path))
            path.unlink()
            deep = folder / f"shift {number % 3}" / "camera"
            deep.mkdir(parents=True, exist_ok=True)
            if number == 0:
                (deep / "a.png").write_bytes(_as_16_bit(frame))
            elif number == 4:
                _as_mode(frame, deep / "b.jpg", "CMYK", quality=100)
            elif number == 8:
                _as_mode(frame, deep / "c.tif", "RGBA")
            elif number == 12:
                _turned(frame, deep / "d.png")
            else:
                cv2.imwrite(str(deep / "e.bmp"), cv2.resize(frame, (64, 64)))
    return data


def test_odd_pictures_come_as_the_device_would_see_them(data, odd):
    """Whatever the file is like, the model's input is that of the plain picture, nearly."""
    index = read_index(odd, "train")
    assert len(index.pictures) == 40
    assert index.frame_size == (40, 40)
    named = [picture for picture in index.pictures if "shift" in picture.name]
    batches = PictureBatches(odd, named, SPEC, index.labels, batch=16)
    inputs, truths, _ = batches[0]
    for row, picture in enumerate(named):
        seed = {"a": 0, "b": 4, "c": 8, "d": 12, "e": 16}[picture.name.rsplit("/", 1)[1][0]]
        frame = _drawn(seed, picture.label)
        expected = prepare_frame(frame, SPEC).astype(int)
        assert np.abs(inputs[row] - expected).mean() < 6, picture.name
        assert truths[row].argmax() == index.labels.index(picture.label)


def _drawn(seed, label):
    from tiny_training import draw_part

    return draw_part(seed + (0 if label == "bad" else 1000), bad=label == "bad")


def test_an_odd_folder_can_be_trained_on(odd, tmp_path, tiny_options):
    """From the index to a model, nothing stumbles over a mode or a size."""
    folder = RunFolder(tmp_path / "run")
    job = begin_run(odd, folder, tiny_options, None)
    fit.fit_network(job, folder, FitProgress(Console(quiet=True), lambda: 0.0))
    assert load_keras_model(folder.model_path).input_shape == (None, 32, 32, 1)


def test_a_picture_that_goes_in_mid_training_is_named(data, tmp_path, tiny_options):
    """A file deleted while an epoch runs ends it with a sentence, and the run can go on later."""
    folder = RunFolder(tmp_path / "run")
    job = begin_run(data, folder, tiny_options, None)
    (data / job.split.training[3].name).unlink()
    with pytest.raises(DataError, match=r"cannot read .*\.png"):
        fit.fit_network(job, folder, FitProgress(Console(quiet=True), lambda: 0.0))
    assert folder.read_state().epochs == 0


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("left", "right"), "--defective NAME"),
        (("bad", "ng"), "--defective NAME"),
        (("ok",), "two classes or more; found: ok"),
    ],
)
def test_classes_that_do_not_tell_are_asked_about(data, tmp_path, tiny_options, names, message):
    """Before anything is written: which folder is defective, or where the other one is."""
    for side in ("train", "test"):
        for place, old in enumerate(("bad", "ok")):
            if place < len(names):
                (data / side / old).rename(data / side / f"{names[place]}-tmp")
            else:
                (data / side / old).rename(data / f"{side}-{old}-away")
        for name in names:
            (data / side / f"{name}-tmp").rename(data / side / name)
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(DataError, match=message):
        begin_run(data, folder, plan_options(tiny_options, None), None)
    assert not folder.path.exists()


def test_other_class_names_are_taken_when_named(data, tmp_path, tiny_options):
    """With --defective any name will do."""
    for side in ("train", "test"):
        (data / side / "bad").rename(data / side / "Left Side")
    options = tiny_options.model_copy(update={"defective": "Left Side"})
    folder = RunFolder(tmp_path / "run")
    begin_run(data, folder, options, None)
    assert folder.read_card().defective == ("left-side",)
