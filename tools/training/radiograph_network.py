"""The networks that read radiographs: MobileNetV2 with ordinal logits, or with a map of logits that the chest pools."""

from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from keras import layers, ops

from cad_modules.lung_opacity.analyze import SHARPNESS
from tools.training.mobilenet import backbone
from tools.training.radiograph_settings import RadiographSettings

FIXED: Final = 6
"""Layers ``features_0`` to this one keep their ImageNet weights, and their answers are computed only once a picture."""


def build_network(settings: RadiographSettings, weights: Path | None) -> tuple[keras.Model, keras.Model, keras.Model]:
    """The network as it is exported, its fixed lower part, and the upper part that learns.

    Input (n, size, size, 1); logits (n, labels), or (n, places, places, 1) of a map.
    """
    base = backbone(settings.size, settings.size, channels=1, weights=weights)
    for layer in base.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False  # few pictures: the statistics of ImageNet are steadier
    between = base.get_layer(f"features_{FIXED}").output
    x = base.get_layer("features_13").output
    if settings.deep:
        coarse = layers.UpSampling2D(2, interpolation="bilinear")(base.get_layer("features_17").output)
        x = layers.Concatenate()([x, coarse])
    x = layers.ReLU(6.0)(layers.Conv2D(128, 3, padding="same")(x))
    x = layers.SpatialDropout2D(0.2)(x)
    if settings.head == "ordinal":
        # CORAL (Cao, Mirjalili and Raschka, Pattern Recognition Letters 2020): one direction, a threshold a grade.
        both = [layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)]
        x = layers.Dropout(0.3)(layers.Concatenate()(both))
        logits = Thresholds(len(settings.labels), name="thresholds")(layers.Dense(1)(x))
    else:
        logits = layers.Conv2D(len(settings.labels), 1, name="places")(x)
    lower = keras.Model(base.input, between)
    lower.trainable = False
    return keras.Model(base.input, logits), lower, keras.Model(between, logits)


class Thresholds(layers.Layer):
    """Adds a threshold of its own for each grade to one logit."""

    def __init__(self, count: int, **options: Any) -> None:
        super().__init__(**options)
        self.count = count

    def build(self, shape: Any) -> None:
        """Start from grades that are alike frequent."""
        start = keras.initializers.Constant(np.linspace(1.5, -1.5, self.count).tolist())
        self.threshold = self.add_weight(shape=(self.count,), initializer=start, name="threshold")

    def call(self, x: Any) -> Any:
        """The logit to reach each grade."""
        return x + self.threshold


def pooled(logits: Any, places: Any) -> Any:
    """One logit of a map, over the places that are chest: a soft maximum.

    Args:
        logits: Shape (n, places, places, 1).
        places: Weight of each place, shape (n, places, places).
    """
    largest = ops.max(logits, axis=(1, 2, 3), keepdims=True)
    powers = ops.exp(SHARPNESS * (logits - largest))[..., 0]
    share = ops.sum(powers * places, axis=(1, 2)) / ops.maximum(ops.sum(places, axis=(1, 2)), 1e-3)
    return largest[:, 0, 0, 0] + ops.log(share + 1e-9) / SHARPNESS


def averaged(logits: Any, places: Any) -> Any:
    """One logit of a map, its mean over the places that are chest; arguments as for ``pooled``."""
    return ops.sum(logits[..., 0] * places, axis=(1, 2)) / ops.maximum(ops.sum(places, axis=(1, 2)), 1e-3)


def loss(settings: RadiographSettings, logits: Any, places: Any, targets: Any, mirrored: Any, weights: Any) -> Any:
    """Mean binary cross-entropy: of every threshold, or of the map's opacity and its being mirrored.

    Targets are softened: readers disagree by a grade, and of labels mined from reports about a tenth is wrong.
    """
    if settings.head == "map":
        wanted = 0.05 + 0.9 * ops.cast(targets, "float32")
        one = weights * ops.binary_crossentropy(wanted, ops.sigmoid(pooled(logits[..., :1], places)))
        other = ops.binary_crossentropy(mirrored, ops.sigmoid(averaged(logits[..., 1:], places)))
        return ops.sum(one) / ops.sum(weights) + 0.5 * ops.mean(other)
    grades = ops.arange(1, len(settings.labels) + 1, dtype="int32")
    wanted = 0.02 + 0.96 * ops.cast(ops.expand_dims(targets, 1) >= grades, "float32")
    one = ops.mean(ops.binary_crossentropy(wanted, ops.sigmoid(logits)), axis=-1)
    return ops.sum(one * weights) / ops.sum(weights)
