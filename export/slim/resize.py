"""Put the configuration of a network on another picture size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from export.channels.nodes import Node, Shape, read_nodes

Build = Callable[[Mapping[str, Any]], Any]


def resize_config(config: dict[str, Any], height: int, width: int, build: Build) -> Any:
    """Return what `build` makes of the configuration for pictures of the size.

    Keras's networks pad before a stride of two by what makes even and odd sizes alike, so these
    paddings depend on the size of the picture. Raises ValueError where the layers do not fit it.
    """
    pads = _strided_pads(read_nodes(config))
    entries = {entry["name"]: entry["config"] for entry in config["layers"]}
    for options in entries.values():
        if "batch_shape" in options:
            batch, _, _, channels = options["batch_shape"]
            options["batch_shape"] = (batch, height, width, channels)
    # Another padding changes the sizes of what follows: each turn settles at least one.
    for _ in range(len(pads) + 1):
        built = build(config)
        if not _adapt(pads, entries, built):
            break
    return built


def _adapt(
    pads: Mapping[str, tuple[int, ...]], entries: Mapping[str, dict[str, Any]], built: Any
) -> bool:
    """Set the paddings that the sizes of the built network ask for; return whether any changed."""
    changed = False
    for name, ends in pads.items():
        sizes = built.get_layer(name).input.shape[1:3]
        wanted = tuple((end - (1 - size % 2), end) for size, end in zip(sizes, ends, strict=True))
        changed |= wanted != tuple(tuple(pair) for pair in entries[name]["padding"])
        entries[name]["padding"] = wanted
    return changed


def _strided_pads(nodes: tuple[Node, ...]) -> dict[str, tuple[int, ...]]:
    """Return the paddings that depend on the picture's size, with what they put at the end."""
    pads = {}
    for node in nodes:
        if node.kind == "ZeroPadding2D":
            pairs, sizes = node.options["padding"], node.sources[0].shape[1:3]
            readers = [one for one in nodes if node.name in {src.layer for src in one.sources}]
            if _follows_size(pairs, sizes) and all(_is_strided(one) for one in readers):
                pads[node.name] = tuple(end for _, end in pairs)
    return pads


def _follows_size(pairs: Any, sizes: Shape) -> bool:
    return all(
        size is not None and end > 0 and start == end - (1 - size % 2)
        for (start, end), size in zip(pairs, sizes, strict=True)
    )


def _is_strided(node: Node) -> bool:
    strides = node.options.get("strides", 1)
    steps = strides if isinstance(strides, list | tuple) else (strides,)
    return node.options.get("padding") == "valid" and all(step > 1 for step in steps)
