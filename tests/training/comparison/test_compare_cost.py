"""Multiplications are counted as the literature counts them; times are taken in turn."""

import itertools

import pytest

from training.comparison.cost import WARM_UPS, count_macs, measure_costs
from training.errors import ModelError

pytestmark = pytest.mark.train


@pytest.fixture
def keras():
    """Return Keras, which is slow to import."""
    return pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")


def _model(keras, *layers, shape=(8, 8, 3)):
    inputs = flow = keras.Input(shape)
    for layer in layers:
        flow = layer(flow)
    return keras.Model(inputs, flow)


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda layers: [layers.Conv2D(5, 3, padding="same")], 8 * 8 * 3 * 3 * 3 * 5),
        (lambda layers: [layers.Conv2D(4, 3, strides=2)], 3 * 3 * 3 * 3 * 3 * 4),
        (lambda layers: [layers.Conv2D(6, 1, groups=3)], 8 * 8 * 1 * 6),
        (
            lambda layers: [layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2)],
            8 * 8 * 9 * 3 * 2,
        ),
        (lambda layers: [layers.Flatten(), layers.Dense(7)], 192 * 7),
        (lambda layers: [layers.Reshape((64, 3)), layers.Dense(7)], 64 * 3 * 7),
        (
            lambda layers: [
                layers.Reshape((64, 3)),
                layers.EinsumDense("abc,cd->abd", output_shape=(64, 5)),
            ],
            64 * 3 * 5,
        ),
        (
            lambda layers: [
                layers.Reshape((64, 3)),
                layers.EinsumDense("...x,xy->...y", output_shape=5),
            ],
            64 * 3 * 5,
        ),
        (
            lambda layers: [
                layers.Reshape((64, 3)),
                layers.EinsumDense("abc,bd->adc", output_shape=(10, 3)),
            ],
            64 * 3 * 10,
        ),
        (lambda layers: [layers.BatchNormalization(), layers.ReLU()], 0),
    ],
)
def test_one_layer_is_counted_by_hand(keras, build, expected):
    """Each kind of layer, against the product written out."""
    work = count_macs(_model(keras, *build(keras.layers)))
    assert (work.macs, work.uncounted) == (expected, ())


def test_nested_models_are_counted(keras):
    """A model used as a layer costs what its layers cost."""
    inner = _model(keras, keras.layers.Conv2D(5, 1))
    assert count_macs(_model(keras, inner)).macs == 8 * 8 * 3 * 5


def test_what_is_not_counted_is_named(keras):
    """A layer with weights that nobody here knows is not passed over in silence."""
    work = count_macs(_model(keras, keras.layers.Conv2DTranspose(4, 3, name="up")))
    assert work.uncounted == ("up (Conv2DTranspose)",)


def test_a_layer_without_a_size_is_one_line(keras):
    """Work per picture has no number where the picture has no size."""
    with pytest.raises(ModelError, match="cannot count the work of layer"):
        count_macs(_model(keras, keras.layers.Conv2D(4, 3), shape=(None, None, 3)))


@pytest.mark.parametrize(
    ("name", "published"), [("MobileNetV2", 300.8e6), ("EfficientNetB0", 390e6)]
)
def test_known_networks_have_their_published_work(keras, name, published):
    """At 224 pixels and three channels: 300 and 390 million multiply-accumulates."""
    model = getattr(keras.applications, name)(weights=None, input_shape=(224, 224, 3))
    work = count_macs(model)
    assert work.macs == pytest.approx(published, rel=0.015)
    assert work.uncounted == ()


def test_models_are_timed_in_turn_and_the_median_is_told(keras, tmp_path):
    """With a clock that ticks 2 ms a reading, each run took 2 ms; warm-ups are not counted."""
    paths = {}
    for name in ("a", "b"):
        paths[name] = tmp_path / f"{name}.keras"
        _model(keras, keras.layers.Flatten(), keras.layers.Dense(2)).save(paths[name])
    readings = itertools.count(0, 2_000_000)
    costs = measure_costs(paths, lambda: next(readings), runs=3)
    assert [costs[name].latency_ms for name in paths] == [2.0, 2.0]
    assert costs["a"].latency_runs == 3
    # Two models, one reading for each warm-up and two for each run.
    assert next(readings) == 2_000_000 * 2 * (WARM_UPS + 2 * 3)
    assert costs["a"].parameters == 192 * 2 + 2
    untimed = measure_costs(paths, None)
    assert (untimed["a"].latency_ms, untimed["a"].latency_runs) == (None, 0)


def test_a_model_that_cannot_be_read_is_one_line(tmp_path):
    """A cut file is no model."""
    pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")
    (tmp_path / "cut.keras").write_bytes(b"PK")
    with pytest.raises(ModelError, match="cannot load"):
        measure_costs({"cut": tmp_path / "cut.keras"}, None)
