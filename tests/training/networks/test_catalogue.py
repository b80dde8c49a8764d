"""Every network of the catalogue takes raw pictures, gives logits and has a recipe."""

import numpy as np
import pytest

from bundle.manifest import InputSpec
from training.config import parse_options
from training.errors import OptionError, WeightsError
from training.networks.catalogue import (
    BUILT_IN,
    build_network,
    find_network,
    initial_weights,
    network_names,
)

every_network = pytest.mark.parametrize("name", sorted(BUILT_IN))

# At the network's own size, gray, two labels.
PARAMETERS = {
    "cnn": 377_746,
    "efficientnet_b0": 5_886_558,
    "mlp_mixer": 388_962,
    "mobilenet_v2": 2_259_970,
}


def test_the_names_are_known_without_keras():
    """Help can list the networks."""
    assert set(BUILT_IN) <= set(network_names())


def test_an_unknown_network_lists_the_known():
    """A wrong name is one line."""
    wanted = "no network is called 'resnet'; there are cnn, efficientnet_b0, mlp_mixer, mobilenet_v"
    with pytest.raises(OptionError, match=wanted):
        find_network("resnet")


@pytest.mark.train
@pytest.mark.parametrize("name", ["cnn", "mlp_mixer", "tiny"])
def test_weights_for_a_network_that_has_none(name):
    """A network trained from scratch takes no initial weights."""
    pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")
    spec = InputSpec(height=32, width=32, frame_height=40, frame_width=40)
    with pytest.raises(WeightsError, match=f"{name} has no initial weights"):
        build_network(name, spec, 2, "some.h5")


@pytest.mark.train
@every_network
@pytest.mark.parametrize("channels", [1, 3])
def test_a_network_of_the_catalogue_fits_its_contract(name, channels, built):
    """uint8 pictures go in, one unbounded logit per label comes out; the head is named so."""
    model = built(name, channels)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 64, 64, channels), np.uint8)
    assert model.predict_on_batch(pictures).shape == (2, 2)
    assert model.layers[-1].get_config()["activation"] == "linear"
    heads = [layer.name.startswith("head_") for layer in model.layers]
    assert heads == sorted(heads), "the head stands behind everything else"
    assert not heads[1]
    assert heads[-1]


@pytest.mark.train
@every_network
def test_each_layer_has_its_own_fixed_name(name, built, make_spec):
    """Names made up by a counter would differ from one build to the next."""
    again = build_network(name, make_spec(64), 2)
    assert [each.name for each in again.layers] == [each.name for each in built(name).layers]


@pytest.mark.train
@every_network
def test_the_number_of_parameters_is_that_of_the_documentation(name, make_spec):
    """A changed width or depth is a change of docs/models.md too."""
    model = build_network(name, make_spec(find_network(name).size), 2)
    assert model.count_params() == PARAMETERS[name]


@pytest.mark.train
@every_network
def test_a_saved_network_answers_as_before(name, built, drawn, tmp_path):
    """What a run folder keeps is the network itself, to the last bit."""
    import keras

    model = built(name)
    model.save(tmp_path / "model.keras")
    kept = keras.models.load_model(tmp_path / "model.keras")
    wanted = model.predict_on_batch(drawn[0])
    np.testing.assert_array_equal(kept.predict_on_batch(drawn[0]), wanted)


@pytest.mark.train
@every_network
def test_weights_say_everything_about_a_network(name, built, drawn, make_spec):
    """The next phase gets `get_weights` and no more; nothing may be kept elsewhere."""
    following = build_network(name, make_spec(64), 2)
    following.predict_on_batch(drawn[0])
    following.set_weights(built(name).get_weights())
    wanted = built(name).predict_on_batch(drawn[0])
    np.testing.assert_allclose(following.predict_on_batch(drawn[0]), wanted, rtol=1e-6)


@pytest.mark.train
@every_network
def test_a_recipe_can_be_gone_through(name, make_spec):
    """Weights go from one phase to the next, so all its sizes need the same shapes of them."""
    from training.fit import phase_spec

    network = find_network(name)
    spec = make_spec(network.size)
    shapes = {
        tuple(each.shape for each in network.build(phase_spec(spec, phase), 2).get_weights())
        for phase in network.recipe
    }
    assert len(shapes) == 1
    assert network.recipe[-1].scale == 1.0
    assert network.recipe[-1].trained == "all"


@pytest.mark.train
@every_network
def test_the_norms_of_a_network_from_scratch_are_trained(name):
    """Frozen at their beginnings they would let no signal through."""
    network = find_network(name)
    scratch = network.load_weights is None
    assert not scratch or {phase.batch_norm for phase in network.recipe} == {"trained"}


@pytest.mark.train
@every_network
def test_the_defaults_of_a_network_are_options_of_a_run(name):
    """Misspelt, they would be refused when somebody trains it."""
    network = find_network(name)
    options = parse_options({"model": name, "size": network.size, **network.defaults})
    assert options.size == network.size


@pytest.mark.train
@every_network
def test_the_upper_part_of_a_backbone_begins_where_it_is_said_to(name, built):
    """It is a layer of the backbone, with some of the backbone before it and most behind it."""
    network = find_network(name)
    assert (network.upper is None) == (network.load_weights is None)
    if network.upper is not None:
        layers = built(name).layers
        weights = [layer.count_params() for layer in layers if "head" not in layer.name]
        first = [layer.name for layer in layers].index(network.upper)
        assert 0.01 < sum(weights[:first]) / sum(weights) < 0.2


@pytest.mark.train
@pytest.mark.slow
@every_network
def test_a_few_steps_lower_the_loss(name, drawn, make_spec):
    """Gradients reach every weight, and following them helps."""
    import keras

    keras.utils.set_random_seed(0)
    model = build_network(name, make_spec(64), 2)
    before = [np.array(each) for each in model.trainable_variables]
    model.compile(
        keras.optimizers.Adam(1e-3), keras.losses.CategoricalCrossentropy(from_logits=True)
    )
    losses = []
    for _ in range(16):
        losses.append(float(model.train_on_batch(*drawn)))
        model.reset_metrics()
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])
    for old, new in zip(before, model.trainable_variables, strict=True):
        assert np.any(old != np.array(new)), f"{new.path} has learned nothing"


@pytest.mark.parametrize(
    ("network", "asked", "expected"),
    [
        ("cnn", None, None),
        ("mobilenet_v2", None, "imagenet"),
        ("mobilenet_v2", "none", None),
        ("mobilenet_v2", "a.h5", "a.h5"),
        ("mobilenet_v2", "mobilenet_v2=a.h5,efficientnet_b0=b.h5", "a.h5"),
        ("efficientnet_b0", "mobilenet_v2=a.h5,efficientnet_b0=none", None),
        ("efficientnet_b0", "mobilenet_v2=a.h5", "imagenet"),
        ("mlp_mixer", "mobilenet_v2=a.h5", None),
    ],
)
def test_every_network_starts_from_what_was_meant_for_it(network, asked, expected):
    """One value for one network, pairs for several; what cannot load starts from scratch."""
    assert initial_weights(network, asked) == expected


def test_weights_for_an_unknown_network_are_refused():
    """A slip in a name is said, not ignored."""
    with pytest.raises(OptionError, match="mobilnet"):
        initial_weights("cnn", "mobilnet=a.h5")
