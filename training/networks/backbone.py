"""Initial weights for a network's backbone, out of a file or of keras.applications."""

from __future__ import annotations

import os
import urllib.request
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from training.errors import WeightsError

Values = list[NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Application:
    """A network of keras.applications: its name there and where its weights without top lie."""

    name: str
    online: str


def read_donor(application: Application, weights: str) -> Any:
    """Return Keras's own three-channel network, filled from a file or from "imagenet".

    Raises WeightsError in one sentence, whatever is wrong with the file or the way to Keras.
    """
    online = weights == "imagenet"
    if online:
        _check_reach(application)
    donor = getattr(keras.applications, application.name)(
        include_top=False,
        weights="imagenet" if online else None,
        input_shape=(224, 224, 3),
    )
    if not online:
        _load_file(donor, application, weights)
    return donor


def copy_layers(donor: Any, model: Any, changed: Mapping[str, Values]) -> None:
    """Give the model's layers the donor's values, or those of `changed` where a layer has them.

    Preparation inside the donor (its Normalization layer) stays behind: the model has its own.
    """
    for layer in donor.layers:
        values = changed.get(layer.name, layer.get_weights())
        if values and not isinstance(layer, keras.layers.Normalization):
            model.get_layer(layer.name).set_weights(values)


def _load_file(donor: Any, application: Application, file: str) -> None:
    if not Path(file).exists():
        raise WeightsError(f"there is no weights file {file}")
    try:
        with warnings.catch_warnings():
            # Keras warns of each layer it cannot fill before it raises: one line is enough.
            warnings.filterwarnings("error", message="Skipping")
            donor.load_weights(file)
    except (UserWarning, ValueError, OSError, KeyError) as error:
        raise WeightsError(
            f"{file} does not hold weights of keras.applications.{application.name} without its top"
        ) from error


def _check_reach(application: Application) -> None:
    """Refuse in one line what Keras would report as a bare Exception: no way to its weights."""
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    if (home / "models" / application.online.rpartition("/")[2]).exists():
        return
    address = f"https://storage.googleapis.com/{application.online}"
    try:
        urllib.request.urlopen(address, timeout=20).close()
    except OSError as error:
        raise WeightsError(
            f"cannot download Keras's weights of {application.name}: give --weights FILE.h5, "
            "or --weights none to train from scratch"
        ) from error
