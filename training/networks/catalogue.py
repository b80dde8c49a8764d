"""Names of networks -> what builds them and the recipe that trains them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bundle.manifest import InputSpec
from training.config import Phase
from training.errors import OptionError, WeightsError

# A library is imported when its network is chosen, so that `--help` needs no Keras.
BUILT_IN = {
    "cnn": "training.networks.cnn",
    "efficientnet_b0": "training.networks.efficientnet_b0",
    "mlp_mixer": "training.networks.mlp_mixer",
    "mobilenet_v2": "training.networks.mobilenet_v2",
}

Builder = Callable[[InputSpec, int], Any]
WeightsLoader = Callable[[Any, str], None]


@dataclass(frozen=True, slots=True)
class Network:
    """A network of the catalogue.

    `build` returns a Keras model of raw pictures (0..255) to logits, its new layers named
    `head_*`. `load_weights` fills the others from a file, or from Keras's own "imagenet"; a network
    without it starts from scratch. `upper` names the first layer that learns in a phase of
    `trained="upper"`. `size` and `defaults` (names and values of TrainOptions) stand where the user
    wishes nothing else.
    """

    name: str
    build: Builder
    recipe: tuple[Phase, ...]
    load_weights: WeightsLoader | None = None
    upper: str | None = None
    size: int = 224
    defaults: Mapping[str, object] = field(default_factory=dict)


_registered: dict[str, Network] = {}


def register(
    name: str,
    recipe: tuple[Phase, ...],
    load_weights: WeightsLoader | None = None,
    *,
    upper: str | None = None,
    size: int = 224,
    defaults: Mapping[str, object] | None = None,
) -> Callable[[Builder], Builder]:
    """Return a decorator that puts a builder into the catalogue."""

    def put(builder: Builder) -> Builder:
        _registered[name] = Network(
            name, builder, recipe, load_weights, upper, size, dict(defaults or {})
        )
        return builder

    return put


def network_names() -> tuple[str, ...]:
    """Return the names that can be trained."""
    return tuple(sorted({*BUILT_IN, *_registered}))


def find_network(name: str) -> Network:
    """Return a network by its name. Raises OptionError for an unknown one."""
    if name not in _registered and name in BUILT_IN:
        importlib.import_module(BUILT_IN[name])
    if name not in _registered:
        raise OptionError(f"no network is called {name!r}; there are {', '.join(network_names())}")
    return _registered[name]


def initial_weights(name: str, asked: str | None) -> str | None:
    """Return what a network starts from: a file, "imagenet", or None for a start from scratch.

    `asked` is one of these, "none", or pairs NETWORK=FILE with commas between them; without a word
    for this network it is "imagenet" where the network can load that. Raises OptionError.
    """
    network = find_network(name)
    liked = None if network.load_weights is None else "imagenet"
    if asked is None:
        return liked
    if "=" not in asked:
        return None if asked == "none" else asked
    pairs = dict(pair.partition("=")[::2] for pair in asked.split(","))
    unknown = sorted(set(pairs) - set(network_names()))
    if unknown:
        raise OptionError(f"--weights names {', '.join(unknown)}: no such network")
    chosen = pairs.get(name, liked)
    return None if chosen == "none" else chosen


def build_network(name: str, spec: InputSpec, labels: int, weights: str | None = None) -> Any:
    """Build a network of that many logits, its backbone filled from `weights` where given.

    `weights` is a file or "imagenet". Raises OptionError or WeightsError.
    """
    network = find_network(name)
    model = network.build(spec, labels)
    if weights is not None:
        if network.load_weights is None:
            raise WeightsError(f"{name} has no initial weights: leave --weights out")
        network.load_weights(model, weights)
    return model
