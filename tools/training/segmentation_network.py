"""A U-Net that stays whole and fast in int8: a MobileNetV2 encoder and a decoder of depthwise-separable convolutions.

Source: Ronneberger et al., "U-Net", MICCAI 2015, for the skips; Sandler et al., CVPR 2018, for the encoder. Only ReLU6,
convolutions, concatenation and bilinear doubling are used: all of them have fast int8 kernels in LiteRT.
"""

from pathlib import Path
from typing import Any, Final

import keras
from keras import layers, ops

from tools.training.mobilenet import TAPS, backbone

DECODER_FILTERS: Final = {16: 96, 8: 64, 4: 48, 2: 32}
"""Stride -> channels of the decoder there."""
BOTTLENECK_FILTERS: Final = 128
BATCH_NORM_MOMENTUM: Final = 0.95


def build_network(size: int, labels: int, weights: Path | None = None) -> keras.Model:
    """The segmentation network.

    Args:
        size: Rows and columns of the gray input, real = (uint8 - 128) / 128; a multiple of 32.
        labels: Output channels.
        weights: torchvision's MobileNetV2 ``.pth`` for the encoder; random weights if None.

    Returns:
        A model (n, size, size, 1) -> logits (n, size / 2, size / 2, labels).
    """
    encoder = backbone(size, size, 1, weights)
    skips = {stride: encoder.get_layer(name).output for stride, name in TAPS.items()}
    x = _pointwise(skips[32], BOTTLENECK_FILTERS, "bottleneck")
    for stride, filters in DECODER_FILTERS.items():
        x = layers.UpSampling2D(2, interpolation="bilinear", name=f"decoder_{stride}_up")(x)
        x = layers.Concatenate(name=f"decoder_{stride}_skip")([x, skips[stride]])
        x = _separable(x, filters, f"decoder_{stride}_a")
        x = _separable(x, filters, f"decoder_{stride}_b")
    logits = layers.Conv2D(labels, 1, name="logits")(x)
    return keras.Model(encoder.input, logits, name="segmentation")


def _separable(x: Any, filters: int, name: str) -> Any:
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
    x = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_depthwise_norm")(x)
    x = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(x)
    return _pointwise(x, filters, name)


def _pointwise(x: Any, filters: int, name: str) -> Any:
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_norm")(x)
    return layers.ReLU(6.0, name=name)(x)


SMALLEST_DICE_PART: Final = 0.002
"""Of the pixels of a map, added above and below the fraction: Dice of a picture without the structure is not all or
nothing, and a stray pixel costs little."""


def segmentation_loss(target: Any, logits: Any) -> Any:
    """Cross entropy plus soft Dice loss over the whole batch, both the mean over labels: large structures count more.

    Args:
        target: Fraction of each output pixel that the structure covers, shape (n, rows, columns, labels), 0 to 1. A
            fraction of one half lies on the outline, so the network learns where it passes between pixels.
        logits: Same shape.

    Source: Milletari et al., "V-Net", 3DV 2016, for the Dice loss (here without squares, over the whole batch).
    """
    probability = ops.sigmoid(logits)
    both = ops.sum(probability * target, axis=(0, 1, 2))
    either = ops.sum(probability + target, axis=(0, 1, 2))
    return _cross_entropy(target, logits) + 1.0 - ops.mean((2 * both + 1.0) / (either + 1.0))


def segmentation_loss_by_picture(target: Any, logits: Any) -> Any:
    """As ``segmentation_loss``, but with the Dice of each picture by itself: a small lesion counts like a large one."""
    probability = ops.sigmoid(logits)
    both = ops.sum(probability * target, axis=(1, 2))
    either = ops.sum(probability + target, axis=(1, 2))
    smooth = SMALLEST_DICE_PART * logits.shape[1] * logits.shape[2]
    return _cross_entropy(target, logits) + 1.0 - ops.mean((2 * both + smooth) / (either + smooth))


def _cross_entropy(target: Any, logits: Any) -> Any:
    return ops.mean(ops.maximum(logits, 0.0) - logits * target + ops.log1p(ops.exp(-ops.abs(logits))))
