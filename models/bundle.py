"""Read a model bundle, check it before it is used, and run it."""

import contextlib
import hashlib
import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.errors import BundleNotFound, BundleRejected
from models.preprocessing import network_input

BUILT_IN_BUNDLES: Final = Path(__file__).parent
INPUT_SCALE: Final = 1 / 128


class InputSpec(BaseModel):
    """What the network is fed: int8, scale 1/128, zero point 0, so that quantising is one XOR."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    height: int = Field(gt=0)
    width: int = Field(gt=0)
    colour: Literal["gray", "rgb"]


class TrainingSet(BaseModel):
    """One set of images that the network learned from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    licence: str
    commercial_use: Literal["yes", "no", "unclear"]
    images: int
    cite: str = ""


class Card(BaseModel):
    """``card.toml``: what a bundle is, what it learned from, how good it is and where it fails."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: str
    task: Literal["classification", "segmentation"]
    summary: str
    labels: tuple[str, ...]
    """Classification: one per output. Segmentation: one per output channel."""
    sha256: str
    """Of ``model.tflite``."""
    golden_tolerance: int = Field(ge=0)
    """Largest allowed difference to the golden outputs, in int8 steps."""
    temperature: float = Field(default=1.0, gt=0)
    """The logits are divided by this before SoftMax (classification)."""
    features: int = Field(default=0, ge=0)
    """Length of the feature vector, the network's second output; 0: it has none."""
    files: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of each further file of the bundle that is read at run time."""
    input: InputSpec
    origin: str
    """The weights that training started from, with their licence."""
    weights_use: str
    """What the training sets' licences allow the weights to be used for."""
    limits: tuple[str, ...]
    training_data: tuple[TrainingSet, ...]
    metrics: dict[str, Any]
    int8: dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """A network's answer for one picture."""

    labels: tuple[str, ...]
    values: NDArray[np.float32]
    """Classification: logits / temperature, shape (labels,). Segmentation: probabilities, (rows, columns, labels)."""
    features: NDArray[np.float32] | None = None
    """What the logits are computed from, shape (card.features,); None if the network does not give it."""

    def channel(self, label: str) -> NDArray[np.float32]:
        """The probability map of one label, shape (rows, columns), at the network's output size."""
        return self.values[:, :, self.labels.index(label)]


class Bundle:
    """A checked network, ready to run in this process and thread.

    Raises:
        BundleNotFound: The folder or a file in it is missing.
        BundleRejected: Hash, shape, labels or golden outputs are not what the card says.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self.folder = folder
        self.card = read_card(folder)
        content = _read(folder / "model.tflite")
        _check_hash(folder / "model.tflite", content, self.card.sha256)
        self._interpreter = _interpreter(content, threads, folder)
        self._input = self._interpreter.get_input_details()[0]
        self._output, self._features = self._outputs()
        self._check_tensors()
        self._check_golden()

    def infer(self, image: NDArray[np.uint8]) -> Prediction:
        """Run the network on a picture.

        Args:
            image: Gray (h, w) or BGR (h, w, 3), uint8, any size.
        """
        spec = self.card.input
        self._invoke(network_input(image, spec.height, spec.width, spec.colour))
        real = self._real(self._output)
        features = self._real(self._features) if self._features else None
        if self.card.task == "classification":
            return Prediction(self.card.labels, real / np.float32(self.card.temperature), features)
        probabilities: NDArray[np.float32] = np.float32(1) / (np.float32(1) + np.exp(-real))
        return Prediction(self.card.labels, probabilities, features)

    def read(self, name: str) -> bytes:
        """A further file of the bundle, checked against the card.

        Raises:
            BundleNotFound: It is missing, here or on the card.
            BundleRejected: It is not the file that the card means.
        """
        if name not in self.card.files:
            raise BundleNotFound(f"{self.folder.name}: the card lists no file {name!r}")
        content = _read(self.folder / name)
        _check_hash(self.folder / name, content, self.card.files[name])
        return content

    def _invoke(self, batch: NDArray[np.int8]) -> None:
        self._interpreter.set_tensor(self._input["index"], batch)
        self._interpreter.invoke()

    def _quantised(self, output: dict[str, Any]) -> NDArray[np.int8]:
        return self._interpreter.get_tensor(output["index"])[0]  # type: ignore[no-any-return]

    def _real(self, output: dict[str, Any]) -> NDArray[np.float32]:
        scale, zero_point = output["quantization"]
        return (self._quantised(output).astype(np.float32) - np.float32(zero_point)) * np.float32(scale)

    def _outputs(self) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """The answer and, if the card says that there are any, the features: told apart by shape, for the converter
        puts a network's outputs into an order of its own.
        """
        outputs = self._interpreter.get_output_details()
        found = [tuple(output["shape"]) for output in outputs]
        if len(outputs) != (2 if self.card.features else 1):
            raise BundleRejected(
                f"{self.folder.name}: outputs {found}; the card says {len(self.card.labels)} labels and "
                f"{self.card.features} features"
            )
        if not self.card.features:
            return outputs[0], None
        shape = (1, self.card.features)
        if found.count(shape) != 1:
            raise BundleRejected(f"{self.folder.name}: outputs {found}; by the card one is {shape}, the features")
        which = found.index(shape)
        return outputs[1 - which], outputs[which]

    def _check_tensors(self) -> None:
        spec, name = self.card.input, self.folder.name
        expected = [1, spec.height, spec.width, 1 if spec.colour == "gray" else 3]
        if list(self._input["shape"]) != expected:
            raise BundleRejected(
                f"{name}: the network's input is {list(self._input['shape'])}, the card says {expected}"
            )
        outputs = [self._output, *([self._features] if self._features else [])]
        if any(tensor["dtype"] is not np.int8 for tensor in (self._input, *outputs)):
            raise BundleRejected(f"{name}: the network is not int8 in and out")
        scale, zero_point = self._input["quantization"]
        if abs(scale - INPUT_SCALE) > 1e-6 or zero_point != 0:
            raise BundleRejected(f"{name}: input scale {scale:.6f}, zero point {zero_point}; expected 1/128 and 0")
        if self._output["shape"][-1] != len(self.card.labels):
            raise BundleRejected(
                f"{name}: {self._output['shape'][-1]} outputs, {len(self.card.labels)} labels on the card"
            )

    def _check_golden(self) -> None:
        path = self.folder / "golden" / "vectors.npz"
        checked = [("outputs", self._output), *([("features", self._features)] if self._features else [])]
        try:
            with np.load(path, allow_pickle=False) as golden:
                inputs, expected = golden["inputs"], [golden[name] for name, _ in checked]
        except FileNotFoundError as error:
            raise BundleNotFound(f"{path}: the golden vectors are missing: install edge-cad again") from error
        except (OSError, ValueError, KeyError) as error:
            raise BundleRejected(f"{path}: cannot be read ({error}): install edge-cad again") from error
        for number, (batch, *vectors) in enumerate(zip(inputs, *expected, strict=True)):
            self._invoke(batch[np.newaxis])
            for vector, (name, output) in zip(vectors, checked, strict=True):
                difference = int(np.abs(self._quantised(output).astype(np.int16) - vector).max())
                if difference > self.card.golden_tolerance:
                    raise BundleRejected(
                        f"{self.folder.name}: golden vector {number} ({name}) differs by {difference} steps "
                        f"(allowed {self.card.golden_tolerance}): this machine computes the network wrongly"
                    )


def read_card(folder: Path) -> Card:
    """Read a bundle's card without loading its network.

    Raises:
        BundleNotFound: There is no card.
        BundleRejected: The card is not valid.
    """
    path = folder / "card.toml"
    try:
        return Card.model_validate(tomllib.loads(_read(path).decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BundleRejected(f"{path}: not valid TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise BundleRejected(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def find_bundle(name: str, folders: tuple[Path, ...] = ()) -> Path:
    """The folder of a bundle: the first of ``folders`` that has it, else the one that comes with edge-cad.

    Raises:
        BundleNotFound: No folder has it.
    """
    for parent in (*folders, BUILT_IN_BUNDLES):
        if (parent / name / "card.toml").is_file():
            return parent / name
    places = ", ".join(str(parent) for parent in (*folders, BUILT_IN_BUNDLES))
    raise BundleNotFound(f"no model bundle {name!r} in {places}")


def _check_hash(path: Path, content: bytes, expected: str) -> None:
    digest = hashlib.sha256(content).hexdigest()
    if digest != expected:
        raise BundleRejected(
            f"{path}: SHA-256 is {digest[:12]}..., the card says {expected[:12]}...; "
            "the file is damaged or was replaced: install edge-cad again or restore the bundle"
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise BundleNotFound(f"{path}: missing: install edge-cad again or restore the bundle") from error
    except OSError as error:
        raise BundleRejected(f"{path}: cannot be read: {error.strerror}") from error


def _interpreter(content: bytes, threads: int, folder: Path) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        from tflite_runtime.interpreter import Interpreter
    try:
        with _quiet():
            interpreter = Interpreter(model_content=content, num_threads=threads)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise BundleRejected(f"{folder / 'model.tflite'}: not a network that can be run: {error}") from error
    return interpreter


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep standard error clean of the line that the runtime's C++ code writes for every process."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
