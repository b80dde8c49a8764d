"""Groups of channels of a network that can only go together, found by walking its layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from export.channels.layout import Layout, Segment
from export.channels.nodes import Node, output_layers, read_config, read_nodes
from export.channels.rules import carries_weights, follow, opens_channels
from export.channels.spaces import Flow, Run, Spaces
from export.errors import SlimError


@dataclass(frozen=True, slots=True)
class ChannelGroup:
    """Channels that stay or go together; the name is that of the first layer that makes them.

    `producers` are the layers whose outputs these are, `followers` those with weights for each of
    them (batch norms, depthwise convolutions), `consumers` those that read them all.
    """

    name: str
    width: int
    producers: tuple[str, ...]
    followers: tuple[str, ...]
    consumers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChannelMap:
    """The groups of a network, and what the channels of each layer's input and output are.

    `read` has the first input of a layer and `made` its output.
    """

    groups: tuple[ChannelGroup, ...]
    read: Mapping[str, Layout]
    made: Mapping[str, Layout]


def find_groups(model: Any) -> tuple[ChannelGroup, ...]:
    """Return the groups that can be made narrower: neither the input's channels nor the logits.

    Channels that are added or multiplied are of one group; so are those that a gate scales, while
    its reduced width is a group of its own. Raises SlimError where the network has layers whose
    channels cannot be told apart.
    """
    return map_channels(model).groups


def map_channels(model: Any) -> ChannelMap:
    """Return groups and layouts of a functional Keras model. Raises SlimError."""
    config = read_config(model)
    nodes = read_nodes(config)
    spaces = Spaces()
    flows: dict[str, Flow] = {}
    try:
        for node in nodes:
            flows[node.name] = follow(spaces, node, [flows[one.layer] for one in node.sources])
    except SlimError as error:
        raise SlimError(f"cannot prune {config['name']}: {error}") from error
    for name in output_layers(config):
        spaces.lock(flows[name].run)
    return _describe(nodes, spaces, flows)


def _describe(nodes: Sequence[Node], spaces: Spaces, flows: Mapping[str, Flow]) -> ChannelMap:
    names = _name_spaces(nodes, spaces, flows)

    def lay_out(run: Run) -> Layout:
        return tuple(Segment(names.get(spaces.root(one)), spaces.width(one)) for one in run)

    made = {node.name: lay_out(flows[node.name].run) for node in nodes}
    read = {node.name: made[node.sources[0].layer] for node in nodes if node.sources}
    groups = tuple(_collect(nodes, name, read, made) for name in names.values())
    return ChannelMap(groups, read, made)


def _name_spaces(
    nodes: Sequence[Node], spaces: Spaces, flows: Mapping[str, Flow]
) -> dict[int, str]:
    """Return the name of each space that need not stay whole, by its root, first layer first."""
    names: dict[int, str] = {}
    for node in nodes:
        if opens_channels(node.kind):
            (space,) = flows[node.name].run
            if not spaces.is_locked(space):
                names.setdefault(spaces.root(space), node.name)
    return names


def _collect(
    nodes: Sequence[Node], name: str, read: Mapping[str, Layout], made: Mapping[str, Layout]
) -> ChannelGroup:
    def holds(layout: Layout) -> bool:
        return any(segment.group == name for segment in layout)

    opening = [node.name for node in nodes if opens_channels(node.kind)]
    carrying = [node.name for node in nodes if carries_weights(node.kind)]
    (width,) = {one.width for layout in made.values() for one in layout if one.group == name}
    return ChannelGroup(
        name,
        width,
        producers=tuple(one for one in opening if holds(made[one])),
        followers=tuple(one for one in carrying if holds(made[one])),
        consumers=tuple(one for one in opening if holds(read[one])),
    )
