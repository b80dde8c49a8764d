"""The reference of a bundle: only what is honest, every good part once."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bundle.light import Sharpness, brightness
from bundle.manifest import DataFacts, InputSpec, Manifest, Region, Thresholds
from export.parity import HeldOut
from export.pictures import ExportPictures, PictureSet
from export.reference import FEWEST_PARTS, line_reference, reference_text
from training.dataset import Picture

SPEC = InputSpec(height=32, width=32, frame_height=40, frame_width=40)


class Silent:
    """Says nothing."""

    def step(self, text, total=None):
        pass

    def advance(self):
        pass


def manifest(spec=SPEC):
    """Return a draft."""
    return Manifest(
        name="m", version="1", release=1, architecture="a", recipe="int8", input=spec,
        labels=("bad", "ok"), defective=("bad",),
        thresholds=Thresholds(reject_at=0.5, recheck_at=0.4, chosen="x"), golden_tolerance=0.1,
        entries={}, data=DataFacts(fingerprint="0" * 64, pictures=0), tools={}, metrics={},
    )  # fmt: skip


class Shop:
    """Draws pictures of parts and knows their scores."""

    def __init__(self, root):
        self.root = root
        self.count = 0

    def picture(self, level, label="ok", shape=(40, 40)):
        """Write a picture of about one level; returns it as the index has it."""
        self.count += 1
        noise = np.random.default_rng(self.count).integers(-3, 4, shape)
        frame = np.clip(noise + level, 0, 255).astype(np.uint8)
        name = f"{self.count:04d}.png"
        cv2.imwrite(str(self.root / name), frame)
        return Picture(name, label, f"{self.count:064x}", *shape)

    def pictures(self, learned, tested, **more):
        """Return pictures of sides that are lists of (part, level, label)."""
        training = tuple(self.picture(*one, **more) for _, *one in learned)
        test = tuple(self.picture(*one, **more) for _, *one in tested)
        held_out = (PictureSet("test", "", test, tuple(part for part, *_ in tested)),)
        parts = tuple(part for part, *_ in learned)
        return ExportPictures(self.root, training, held_out, (), parts)


@pytest.fixture
def shop(tmp_path):
    """Return an empty folder to draw into."""
    return Shop(tmp_path)


def judged(parts, scores, defective):
    """Return a held-out set with these int8 scores; the float model says the opposite."""
    odds = np.log(np.asarray(scores) / (1 - np.asarray(scores)))
    logits = np.stack([odds, np.zeros_like(odds)], axis=1).astype(np.float32)
    names = [str(at) for at in range(len(parts))]
    return HeldOut("test", "", names, np.array(defective), -logits, logits, np.array(parts))


def sides(parts, level=100):
    """Return one good picture each of so many parts, half learned from, half not."""
    rows = [(part, level + part, "ok") for part in range(parts)]
    return rows[: parts // 2], rows[parts // 2 :]


def test_the_score_is_int8s_of_good_parts_not_learned_from(shop):
    """Defective ones, float scores and learned pictures do not stand in it."""
    pictures = shop.pictures(*sides(24))
    parts = [*range(12, 24), 30, 31]
    scores = [0.01 * (1 + at) for at in range(12)] + [0.9, 0.95]
    one = judged(parts, scores, [False] * 12 + [True] * 2)
    known = line_reference(pictures, [one], manifest(), Silent())
    assert known.score.parts == 12
    assert known.score.edges[0] > 0.01
    assert known.score.edges[-1] <= 0.12 + 1e-6
    assert known.score.shares[-1] > 0  # what is higher is not what was never seen
    assert known.gray


def test_brightness_and_sharpness_are_of_all_good_parts_as_the_line_measures_them(shop):
    """Learned or not, nobody learns light by heart; defective parts stay out."""
    learned, tested = sides(20)
    pictures = shop.pictures([*learned, (40, 10, "bad")], [*tested, (41, 250, "bad")])
    known = line_reference(pictures, [], manifest(), Silent())
    frames = [
        cv2.imread(str(shop.root / one.name), 0)
        for one in (*pictures.training, *pictures.held_out[0].pictures)
        if one.label == "ok"
    ]
    for figure, found in (
        (known.brightness, [brightness(one) for one in frames]),
        (known.sharpness, [Sharpness().of(one) for one in frames]),
    ):
        assert figure.parts == 20
        assert figure.edges[0] == min(found)
        assert figure.edges[-1] == pytest.approx(max(found))
        assert figure.edges[-1] > max(found)
    assert known.score is None


def test_every_part_counts_once_however_many_pictures_it_has(shop):
    """Ninety pictures of one part weigh as much as one of another."""
    rows = [(part, 100, "ok") for part in range(9)] + [(9, 200, "ok")] * 90
    known = line_reference(shop.pictures(rows, []), [], manifest(), Silent())
    light = known.brightness
    above = sum(
        share for low, share in zip(light.edges, light.shares[1:], strict=True) if low > 150
    )
    assert light.parts == 10
    assert above <= 0.1 + 1e-6


def test_sharpness_is_measured_in_the_region_of_the_model(shop):
    """As the recorder does it."""
    region = Region(x=4, y=8, width=16, height=24)
    spec = SPEC.model_copy(update={"region": region})
    pictures = shop.pictures(*sides(12))
    known = line_reference(pictures, [], manifest(spec), Silent())
    first = cv2.imread(str(shop.root / pictures.training[0].name), 0)
    values = [
        Sharpness((4, 8, 16, 24)).of(cv2.imread(str(shop.root / one.name), 0))
        for one in (*pictures.training, *pictures.held_out[0].pictures)
    ]
    assert known.sharpness.edges[0] == min(values) != Sharpness().of(first)


def test_too_few_parts_are_no_reference(shop):
    """However many pictures they have; the card says that the line learns."""
    learned, tested = sides(FEWEST_PARTS - 1)
    pictures = shop.pictures(learned * 4, tested * 4)
    assert line_reference(pictures, [], manifest(), Silent()) is None
    assert "learns it from its first parts" in reference_text(None)


def test_where_parts_are_not_known_there_is_none(shop):
    """Copies of one part may stand anywhere then."""
    made = shop.pictures(*sides(40))
    unknown = ExportPictures(shop.root, made.training, (), ())
    assert line_reference(unknown, [], manifest(), Silent()) is None


@pytest.mark.parametrize("shape", [(80, 80), (40, 41)])
def test_pictures_of_another_size_than_the_cameras_say_nothing(shop, shape):
    """Sharpness is not the same thing there."""
    pictures = shop.pictures(*sides(20), shape=shape)
    assert line_reference(pictures, [], manifest(), Silent()) is None


def test_colour_and_gray_together_are_no_reference_of_light(shop):
    """Of a colour picture the green channel is measured; all in colour is fine."""
    gray, colour = sides(40)
    pictures = shop.pictures(gray, colour)
    for one in pictures.held_out[0].pictures:
        path = str(shop.root / one.name)
        frame = cv2.imread(path)
        frame[..., 2] //= 2
        cv2.imwrite(path, frame)
    assert line_reference(pictures, [], manifest(), Silent()) is None
    only = ExportPictures(shop.root, (), pictures.held_out, (), ())
    known = line_reference(only, [], manifest(), Silent())
    assert (known.gray, known.brightness.parts) == (False, 20)


def test_the_card_names_figures_and_parts(shop):
    """And which figure the line has to learn."""
    known = line_reference(shop.pictures(*sides(20)), [], manifest(), Silent())
    text = reference_text(known)
    assert text == (
        "brightness of 20 good parts, sharpness of 20 good parts; too few are known for score: "
        "the line learns it"
    )
