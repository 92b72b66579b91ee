"""Turn the trained router into its bundle: int8, golden vectors, and what is fitted on top of the network."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.bundle import Card
from tools.training import mobilenet
from tools.training.augment import randomise, shrink
from tools.training.bundle_writer import write_bundle
from tools.training.dataset import Row, read_pictures, training_sets
from tools.training.nothing import draw_nothing, speckle_phantom
from tools.training.router_batches import LABELS, STORED_SIDE, to_network
from tools.training.router_card import LIMITS, left_out, weights_use
from tools.training.router_statistics import fit_statistics

VERSION: Final = "1.1.0"
FEATURE_LAYER: Final = "mean"
"""The mean over the picture: what the logits are computed from, and the network's second output."""
REPRESENTATIVE_PER_SET: Final = 20
GOLDEN_SEED: Final = 1
GOLDEN_COUNT: Final = 8


def export(model: Any, rows: list[Row], folder: Path, out: Path, seed: int) -> Card:
    """Write the bundle and ``out/float.tflite``, then fit what stands on top of the network."""
    import keras

    cv2.setNumThreads(1)
    side = int(model.input_shape[1])
    trained_on = [row for row in rows if row.split == "train"]
    features = model.get_layer(FEATURE_LAYER).output
    write_bundle(
        folder,
        keras.Model(model.input, [model.output, features]),
        representative(trained_on, side, seed),
        golden_inputs(side),
        name="router",
        version=VERSION,
        task="classification",
        summary="Says which of nine kinds of ultrasound and X-ray pictures is shown, or none.",
        labels=LABELS,
        features=int(features.shape[-1]),
        golden_tolerance=0,
        origin=mobilenet.ORIGIN,
        weights_use=weights_use(trained_on),
        limits=(*LIMITS, *left_out(trained_on)),
        training_data=training_sets(trained_on),
        metrics={},
        int8={},
    )
    write_float(model, out / "float.tflite")
    return fit_statistics(folder, rows, seed)


def representative(rows: list[Row], side: int, seed: int) -> Iterator[NDArray[np.uint8]]:
    """Training pictures for the ranges of the activations: of each set some as they are and the same randomised."""
    rng = np.random.default_rng([seed, 3])
    taken: dict[str, int] = {}
    for index in rng.permutation(len(rows)):
        row = rows[index]
        if taken.get(row.set_name, 0) >= REPRESENTATIVE_PER_SET:
            continue
        taken[row.set_name] = taken.get(row.set_name, 0) + 1
        image = shrink(read_pictures(row, 1, colour=True)[0], STORED_SIDE)
        changed = randomise(image, rng, radiograph=row.category.startswith("xr_"))
        yield np.stack([to_network(image, side), to_network(changed, side)])


def golden_inputs(side: int) -> NDArray[np.uint8]:
    """Drawn phantoms and screens, RGB, for the check at start: the same in every bundle of this size."""
    rng = np.random.default_rng(GOLDEN_SEED)
    drawn = [speckle_phantom(rng) if number % 2 == 0 else draw_nothing(rng) for number in range(GOLDEN_COUNT)]
    return np.stack([to_network(image, side) for image in drawn])


def write_float(model: Any, path: Path) -> None:
    """The network before quantisation, to measure what int8 costs."""
    import keras
    import tensorflow as tf

    image = keras.Input(batch_shape=(1, *model.input_shape[1:]))
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(image, model(image, training=False)))
    with contextlib.redirect_stdout(io.StringIO()):
        path.write_bytes(converter.convert())
