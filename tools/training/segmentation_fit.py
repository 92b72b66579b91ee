"""Train one segmentation network; stopped at any time, it goes on from the last finished epoch."""

import json
import time
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from numpy.typing import NDArray

from tools.training.segmentation_data import BatchStream, Sample, plain_batch
from tools.training.segmentation_metrics import dice
from tools.training.segmentation_network import build_network, segmentation_loss, segmentation_loss_by_picture
from tools.training.segmentation_settings import SegmentationSettings

AVERAGE_DECAY: Final = 0.995
"""The kept network is a running mean of the weights over about 200 batches."""
WARM_UP_FRACTION: Final = 0.05
WEIGHT_DECAY: Final = 1e-4


def train(
    settings: SegmentationSettings,
    training: list[Sample],
    validation: list[Sample],
    encoder_weights: Path,
    work: Path,
    start: keras.Model | None = None,
) -> keras.Model:
    """The trained network, with the running mean of its weights.

    Args:
        settings: What to train.
        training: Pictures to learn from.
        validation: Pictures whose Dice is logged; nothing is chosen by it.
        encoder_weights: torchvision's MobileNetV2 ``.pth``.
        work: Folder of the checkpoint and ``log.jsonl``; created if needed.
        start: A network of the same kind whose weights to start from; the last layer's only if the labels are as many.
    """
    work.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(settings.seed)
    network = build_network(settings.size, len(settings.labels), encoder_weights)
    if start is not None:
        _take_over(network, start)
    _fix_blocks(network, settings.fixed_blocks)
    average = keras.models.clone_model(network)
    average.set_weights(network.get_weights())
    total = settings.epochs * settings.steps
    warm_up = round(WARM_UP_FRACTION * total)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, total - warm_up, warmup_target=settings.learning_rate, warmup_steps=warm_up
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY)
    loss = segmentation_loss_by_picture if settings.dice_by_picture else segmentation_loss
    network.compile(optimizer, loss, jit_compile=False)
    optimizer.build(network.trainable_variables)
    checkpoint = work / "checkpoint.npz"
    first = _restore(checkpoint, network, average, optimizer)
    inputs, targets = plain_batch(validation, settings)
    with BatchStream(training, settings, seed=settings.seed + first) as stream:
        batches = iter(stream)
        for epoch in range(first, settings.epochs):
            started = time.monotonic()
            losses = []
            for step in range(settings.steps):
                losses.append(float(network.train_on_batch(*next(batches))))
                _update(average, network, epoch * settings.steps + step)
            _save(checkpoint, network, average, optimizer, epoch + 1)
            entry: dict[str, Any] = {
                "epoch": epoch + 1,
                "of": settings.epochs,
                "loss": round(float(np.mean(losses)), 4),
                "seconds": round(time.monotonic() - started, 1),
            }
            if (epoch + 1) % 5 == 0 or epoch + 1 == settings.epochs:
                entry["validation_dice"] = _validation_dice(average, inputs, targets, settings)
            print(settings.name, json.dumps(entry), flush=True)
            with (work / "log.jsonl").open("a") as log:
                log.write(json.dumps(entry) + "\n")
    return average


def _validation_dice(
    model: keras.Model, inputs: NDArray[np.float32], targets: NDArray[np.float32], settings: SegmentationSettings
) -> dict[str, float]:
    logits = model.predict(inputs, batch_size=settings.batch, verbose=0)
    result = {}
    for k, label in enumerate(settings.labels):
        pairs = zip(logits[..., k] > 0, targets[..., k] > 0.5, strict=True)
        result[label] = round(float(np.mean([dice(predicted, true) for predicted, true in pairs])), 4)
    return result


def _take_over(network: keras.Model, start: keras.Model) -> None:
    for layer in network.layers:
        weights = start.get_layer(layer.name).get_weights() if layer.weights else []
        if [w.shape for w in weights] == [tuple(w.shape) for w in layer.weights]:
            layer.set_weights(weights)
        elif layer.name != "logits":
            raise ValueError(f"layer {layer.name}: the network to start from is of another kind")


def _fix_blocks(network: keras.Model, count: int) -> None:
    """Keep the weights of the encoder's first convolution and of as many blocks after it; 0: keep none."""
    for layer in network.layers:
        part, _, rest = layer.name.partition("_")
        if count and part == "features" and int(rest.partition("_")[0]) <= count:
            layer.trainable = False


def _update(average: keras.Model, network: keras.Model, step: int) -> None:
    decay = min(AVERAGE_DECAY, (1 + step) / (10 + step))
    for kept, new in zip(average.weights, network.weights, strict=True):
        kept.assign(kept * decay + new * (1 - decay))


def _save(path: Path, network: keras.Model, average: keras.Model, optimizer: Any, epoch: int) -> None:
    parts = {"network": network.weights, "average": average.weights, "optimizer": optimizer.variables}
    arrays = {f"{part}_{i}": np.asarray(v) for part, variables in parts.items() for i, v in enumerate(variables)}
    unfinished = path.with_suffix(".part.npz")
    np.savez(unfinished, **arrays, epoch=np.array(epoch))  # type: ignore[arg-type]
    unfinished.replace(path)


def _restore(path: Path, network: keras.Model, average: keras.Model, optimizer: Any) -> int:
    if not path.is_file():
        return 0
    with np.load(path) as saved:
        for part, variables in (
            ("network", network.weights),
            ("average", average.weights),
            ("optimizer", optimizer.variables),
        ):
            for i, variable in enumerate(variables):
                variable.assign(saved[f"{part}_{i}"])
        return int(saved["epoch"])
