"""The layers of a functional Keras model as plain records: kind, options, what they read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from export.errors import SlimError

Shape = tuple[int | None, ...]

# Layers of other modules may bear the name of one of Keras's own and do something else.
_MODULE = "keras.layers"


@dataclass(frozen=True, slots=True)
class Source:
    """A tensor that a layer reads: the layer it comes from and its shape with the batch."""

    layer: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class Node:
    """One layer of a model; `kind` is Keras's class name, `options` its configuration."""

    name: str
    kind: str
    options: Mapping[str, Any]
    sources: tuple[Source, ...]


def read_config(model: Any) -> dict[str, Any]:
    """Return the configuration of a functional model. Raises SlimError for any other."""
    try:
        config = model.get_config()
    except (AttributeError, NotImplementedError) as error:
        raise SlimError(f"cannot prune {model}: it is not a functional Keras model") from error
    if "input_layers" not in config:
        raise SlimError(f"cannot prune {config.get('name', model)}: it is no functional model")
    return dict(config)


def read_nodes(config: Mapping[str, Any]) -> tuple[Node, ...]:
    """Return the layers in an order in which each comes after those that it reads.

    Raises SlimError where a layer is used twice, is not Keras's own or counts its channels first.
    """
    return tuple(_read_node(config["name"], entry) for entry in config["layers"])


def output_layers(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the layers whose tensors the model puts out."""
    return tuple(_leaf_names(config["output_layers"]))


def _read_node(model: str, entry: Mapping[str, Any]) -> Node:
    name, kind, options = entry["name"], entry["class_name"], entry["config"]
    if entry.get("module") != _MODULE:
        raise SlimError(f"cannot prune {model}: the layer {name} ({kind}) is not one of Keras's")
    if len(entry["inbound_nodes"]) > 1:
        raise SlimError(f"cannot prune {model}: the layer {name} is used more than once")
    if options.get("data_format") == "channels_first":
        raise SlimError(f"cannot prune {model}: the layer {name} has its channels first")
    return Node(name, kind, options, tuple(_find_sources(entry["inbound_nodes"])))


def _find_sources(value: Any) -> Iterator[Source]:
    """Find the tensors in the arguments of a call, in their order."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            described = value["config"]
            yield Source(described["keras_history"][0], tuple(described["shape"]))
            return
        value = list(value.values())
    if isinstance(value, Sequence) and not isinstance(value, str):
        for one in value:
            yield from _find_sources(one)


def _leaf_names(structure: Any) -> Iterator[str]:
    if isinstance(structure, Mapping):
        structure = list(structure.values())
    if structure and isinstance(structure[0], str):
        yield structure[0]
        return
    for one in structure:
        yield from _leaf_names(one)
