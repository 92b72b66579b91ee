"""A pool of randomised pictures as the lower layers of a trained router see them, for its upper layers to learn from.

Lower layers cost most of a training's time and change least. They stay as they are; what they make of a picture is
computed once and kept, and the upper layers see it several times.
"""

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from tqdm import tqdm

from tools.training.bundle_writer import to_real
from tools.training.dataset import Row
from tools.training.router_batches import draw_sample, load_organs, load_pictures

CHUNK: Final = 500
"""Pictures in one file of the pool."""


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """What the lower layers gave, and the labels."""

    maps: NDArray[np.float16]
    """Shape (pictures, rows, columns, channels)."""
    labels: NDArray[np.int64]

    def batches(self, size: int, seed: int) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        """Batches without end; each picture once before any comes again."""
        rng = np.random.default_rng([seed, 9])
        while True:
            order = rng.permutation(len(self.labels))
            for start in range(0, len(order) - size + 1, size):
                which = np.sort(order[start : start + size])
                yield self.maps[which].astype(np.float32), self.labels[which]


def split_model(model: Any, layer: str) -> tuple[Any, Any]:
    """The network up to a layer, and the rest with the same weights (training one changes the whole).

    Raises:
        ValueError: Layers before and after it are joined by another way than through it.
    """
    import keras

    cut = model.get_layer(layer).output
    return keras.Model(model.input, cut), keras.Model(cut, model.output)


def make_pool(stem: Any, rows: list[Row], folder: Path, size: int, seed: int) -> Pool:
    """Fill the folder with ``size`` randomised training pictures, going on where an earlier call stopped."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [number for number in range(-(-size // CHUNK)) if not (folder / f"{number:04}.npz").is_file()]
    if missing:
        cv2.setNumThreads(1)
        run, side = _as_tflite(stem), int(stem.input_shape[1])
        trained_on = [row for row in rows if row.split == "train"]
        pictures, organs = load_pictures(trained_on), load_organs(trained_on)
        for number in tqdm(missing, desc="pool"):
            rng = np.random.default_rng([seed, number])
            samples = [draw_sample(pictures, rng, side, organs) for _ in range(CHUNK)]
            part = folder / f"part-{number:04}.npz"
            maps = np.stack([run(image) for image, _ in samples])
            np.savez(part, maps=maps, labels=np.array([label for _, label in samples]))
            part.replace(folder / f"{number:04}.npz")
    return read_pool(folder)


def read_pool(folder: Path) -> Pool:
    """All that is in the folder."""
    maps, labels = [], []
    for path in sorted(folder.glob("[0-9]*.npz")):
        with np.load(path) as stored:
            maps.append(stored["maps"])
            labels.append(stored["labels"])
    return Pool(np.concatenate(maps), np.concatenate(labels))


def _as_tflite(stem: Any) -> Any:
    """The lower layers as a function of one RGB picture, by the faster interpreter; float32."""
    import keras
    import tensorflow as tf

    image = keras.Input(batch_shape=(1, *stem.input_shape[1:]))
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(image, stem(image, training=False)))
    with contextlib.redirect_stdout(io.StringIO()):
        interpreter = Interpreter(model_content=converter.convert(), num_threads=1)
    interpreter.allocate_tensors()
    given, answer = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def run(picture: NDArray[np.uint8]) -> NDArray[np.float16]:
        interpreter.set_tensor(given, to_real(picture[np.newaxis]))
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(answer)[0], np.float16)

    return run
