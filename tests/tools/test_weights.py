import pickle
import struct
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tools.training.weights import IMAGENET_MEAN, IMAGENET_STD, find_weights, fold_normalisation, read_pth


class Storage:
    """A tensor's numbers; the state file holds them apart from its pickles."""

    def __init__(self, values: NDArray[np.float32], key: str) -> None:
        self.values, self.key = values, key


class SavedTensor:
    """Stands for a tensor while a state file is written as PyTorch before 1.6 wrote it."""

    rebuild: Callable[..., Any]

    def __init__(self, values: NDArray[np.float32], key: str, stride: tuple[int, ...] | None = None) -> None:
        self.storage = Storage(values, key)
        self.stride = stride or tuple(step // values.itemsize for step in values.strides)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        shape = self.storage.values.shape
        return SavedTensor.rebuild, (self.storage, 0, shape, self.stride, False, OrderedDict())


class StatePickler(pickle.Pickler):
    storage_class: type

    def persistent_id(self, obj: Any) -> Any:
        if isinstance(obj, Storage):
            return "storage", self.storage_class, obj.key, "cpu", obj.values.size, None
        return None


@pytest.fixture
def write_pth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, SavedTensor]], Path]:
    """Writes a state file of the older format; ``torch`` is a module of two names."""

    def rebuild(*_: Any) -> None: ...

    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    storage = type("FloatStorage", (), {"__module__": "torch"})
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    torch.FloatStorage, utils._rebuild_tensor_v2 = storage, rebuild  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    monkeypatch.setattr(SavedTensor, "rebuild", staticmethod(rebuild), raising=False)
    monkeypatch.setattr(StatePickler, "storage_class", storage, raising=False)

    def write(tensors: dict[str, SavedTensor]) -> Path:
        path = tmp_path / "state.pth"
        with path.open("wb") as stream:
            for header in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
                pickle.dump(header, stream, protocol=2)
            StatePickler(stream, protocol=2).dump(OrderedDict(tensors))
            storages = [tensor.storage for tensor in tensors.values()]
            pickle.dump([one.key for one in storages], stream, protocol=2)
            for one in storages:
                stream.write(struct.pack("<q", one.values.size) + one.values.tobytes())
        return path

    return write


def test_state_file_gives_its_tensors_by_name(write_pth: Callable[[dict[str, SavedTensor]], Path]) -> None:
    kernel = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
    bias = np.array([0.5, -1], np.float32)
    state = read_pth(write_pth({"conv.weight": SavedTensor(kernel, "a"), "conv.bias": SavedTensor(bias, "b")}))
    assert list(state) == ["conv.weight", "conv.bias"]
    assert np.array_equal(state["conv.weight"], kernel)
    assert np.array_equal(state["conv.bias"], bias)


def test_tensor_with_strange_strides_is_refused(write_pth: Callable[[dict[str, SavedTensor]], Path]) -> None:
    turned = SavedTensor(np.zeros((2, 3), np.float32), "a", stride=(1, 2))
    with pytest.raises(pickle.UnpicklingError, match="not contiguous"):
        read_pth(write_pth({"weight": turned}))


def test_state_file_cannot_run_code(tmp_path: Path) -> None:
    path, witness = tmp_path / "evil.pth", tmp_path / "witness"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (witness,)

    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(pickle.UnpicklingError, match="is not a tensor"):
        read_pth(path)
    assert not witness.exists()


@pytest.mark.parametrize("channels", [1, 3])
def test_folded_kernel_gives_what_mean_and_deviation_gave(channels: int) -> None:
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(3, 3, 3, 5)).astype(np.float32)
    patch = rng.integers(0, 256, (3, 3, channels)).astype(np.float32)
    as_torchvision = (patch / 255 - IMAGENET_MEAN) / IMAGENET_STD  # a gray patch is the same in all three
    expected = np.einsum("ijc,ijco->o", as_torchvision, kernel)
    folded, offset = fold_normalisation(kernel, channels)
    assert folded.shape == (3, 3, channels, 5)
    assert np.einsum("ijc,ijco->o", (patch - 128) / 128, folded) + offset == pytest.approx(expected, abs=1e-4)


def test_given_weights_that_do_not_exist_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.pth"):
        find_weights(tmp_path / "none.pth")
