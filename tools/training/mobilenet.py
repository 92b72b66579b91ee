"""MobileNetV2 in Keras, with torchvision's ImageNet weights.

Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, table 2. The layers'
padding is torchvision's (symmetric), so that its weights give its outputs.
"""

from pathlib import Path
from typing import Any, Final

import keras
from keras import layers
from numpy.typing import NDArray

from tools.training.weights import ORIGIN, find_weights, fold_normalisation, read_pth

__all__ = ["ORIGIN", "TAPS", "WIDE_TAPS", "backbone", "find_weights"]

TAPS: Final = {2: "features_1", 4: "features_3", 8: "features_6", 16: "features_13", 32: "features_17"}
"""Stride -> name of the last layer at that stride (16, 24, 32, 96, 320 channels, linear)."""
WIDE_TAPS: Final = {2: "features_2_expand", 4: "features_4_expand", 8: "features_7_expand", 16: "features_14_expand"}
"""Stride -> name of the widest ReLU6 layer at that stride (96, 144, 192, 576 channels)."""

# expansion, channels, repeats, stride of the first
_BLOCKS: Final = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_EPSILON: Final = 1e-5


def backbone(height: int, width: int, channels: int = 3, weights: Path | None = None) -> keras.Model:
    """MobileNetV2 1.0 without its classifier.

    The input is real = (uint8 - 128) / 128, RGB or gray, as on the device; torchvision's mean and standard deviation
    are folded into the first convolution. Output: ``features_18``, stride 32, 1280 channels, ReLU6.

    Args:
        height: Rows, a multiple of 32.
        width: Columns, a multiple of 32.
        channels: 3 (RGB) or 1 (gray; the first kernels are summed over the colours).
        weights: torchvision's ``.pth``; random weights if None.
    """
    if height % 32 or width % 32 or channels not in (1, 3):
        raise ValueError(f"{height} x {width} x {channels}: rows and columns are multiples of 32, channels 1 or 3")
    image = layers.Input((height, width, channels), name="image")
    loads: list[tuple[layers.Layer, str]] = []
    x = _convolution(image, 32, 3, 2, "features_0", ("features.0.0", "features.0.1"), loads, depthwise=False)
    number = 1
    for expansion, filters, repeats, first_stride in _BLOCKS:
        for repeat in range(repeats):
            x = _block(x, number, expansion, filters, first_stride if repeat == 0 else 1, loads)
            number += 1
    x = _convolution(x, 1280, 1, 1, "features_18", ("features.18.0", "features.18.1"), loads, depthwise=False)
    model = keras.Model(image, x, name="mobilenet_v2")
    if weights is not None:
        _load(loads, read_pth(weights), channels)
    return model


def _convolution(
    x: Any,
    filters: int,
    size: int,
    stride: int,
    name: str,
    keys: tuple[str, str],
    loads: list[tuple[layers.Layer, str]],
    *,
    depthwise: bool,
    activation: bool = True,
) -> Any:
    if stride == 2:
        x = layers.ZeroPadding2D(((1, 0), (1, 0)), name=f"{name}_pad")(x)  # torch pads the end too, but never reads it
    padding = "valid" if stride == 2 else "same"
    if depthwise:
        convolution = layers.DepthwiseConv2D(size, stride, padding, use_bias=False, name=f"{name}_conv")
    else:
        convolution = layers.Conv2D(filters, size, stride, padding, use_bias=False, name=f"{name}_conv")
    norm_name = f"{name}_norm" if activation else name
    norm = layers.BatchNormalization(epsilon=_EPSILON, momentum=0.9, name=norm_name)
    loads += [(convolution, keys[0]), (norm, keys[1])]
    x = norm(convolution(x))
    return layers.ReLU(6.0, name=name)(x) if activation else x


def _block(
    x: Any, number: int, expansion: int, filters: int, stride: int, loads: list[tuple[layers.Layer, str]]
) -> Any:
    name, key = f"features_{number}", f"features.{number}.conv"
    shortcut, inside, index = x, x.shape[-1], 0
    if expansion > 1:
        keys = (f"{key}.0.0", f"{key}.0.1")
        x = _convolution(x, inside * expansion, 1, 1, f"{name}_expand", keys, loads, depthwise=False)
        index = 1
    keys = (f"{key}.{index}.0", f"{key}.{index}.1")
    x = _convolution(x, 0, 3, stride, f"{name}_depthwise", keys, loads, depthwise=True)
    residual = stride == 1 and inside == filters
    keys = (f"{key}.{index + 1}", f"{key}.{index + 2}")
    last = f"{name}_project" if residual else name
    x = _convolution(x, filters, 1, 1, last, keys, loads, depthwise=False, activation=False)
    return layers.Add(name=name)([shortcut, x]) if residual else x


def _load(loads: list[tuple[layers.Layer, str]], state: dict[str, NDArray[Any]], channels: int) -> None:
    offset: NDArray[Any] | float = 0.0
    for layer, key in loads:
        if isinstance(layer, layers.BatchNormalization):
            gamma, beta, mean, variance = (
                state[f"{key}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
            )
            layer.set_weights([gamma, beta, mean - offset, variance])
            offset = 0.0
        elif isinstance(layer, layers.DepthwiseConv2D):
            layer.set_weights([state[f"{key}.weight"].transpose(2, 3, 0, 1)])
        else:
            kernel = state[f"{key}.weight"].transpose(2, 3, 1, 0)
            if key == "features.0.0":
                kernel, offset = fold_normalisation(kernel, channels)
            layer.set_weights([kernel])
