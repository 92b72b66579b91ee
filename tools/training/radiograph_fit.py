"""Train the upper part of a classifier of radiographs on what its fixed lower part makes of many variants."""

import json
import time
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.random import Generator
from numpy.typing import NDArray

from tools.training.bundle_writer import to_real
from tools.training.radiograph_figures import figures
from tools.training.radiograph_network import loss
from tools.training.radiograph_pictures import Picture, plain, varied
from tools.training.radiograph_settings import RadiographSettings


@dataclass(frozen=True, slots=True, eq=False)
class Variants:
    """Every variant of every picture as the lower part sees it."""

    features: NDArray[np.float16]
    places: NDArray[np.float32]
    targets: NDArray[np.int32]
    mirrored: NDArray[np.float32]
    weights: NDArray[np.float32]


def prepare(pictures: list[Picture], settings: RadiographSettings, lower: Any, rng: Generator) -> Variants:
    """Change every picture in many ways and run the lower part once on each."""
    parts: list[tuple[Any, ...]] = []
    for first in range(0, len(pictures), settings.batch):
        chosen = [
            picture
            for picture in pictures[first : first + settings.batch]
            for _ in range(max(round(settings.variants * picture.weight), 2))
        ]
        images, places, mirrored = zip(*(varied(picture, settings, rng) for picture in chosen), strict=True)
        features = lower.predict(to_real(np.stack(images))[..., np.newaxis], batch_size=settings.batch, verbose=0)
        # A set whose pictures count less has fewer variants: that is its weight.
        targets = [picture.target for picture in chosen]
        parts.append((features.astype(np.float16), np.stack(places), targets, mirrored))
    features, places, targets, mirrored = (np.concatenate(part) for part in zip(*parts, strict=True))
    counts = np.bincount(targets)
    return Variants(
        features,
        places,
        targets.astype(np.int32),
        mirrored.astype(np.float32),
        (len(targets) / len(counts) / counts)[targets].astype(np.float32),
    )


def fit(
    upper: Any,
    variants: Variants,
    settings: RadiographSettings,
    checking: list[Picture],
    lower: Any,
    rng: Generator,
) -> None:
    """Train; the upper part ends with the running average of its weights."""
    steps = -(-len(variants.targets) // settings.batch)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0,
        settings.epochs * steps,
        alpha=0.02,
        warmup_target=settings.learning_rate,
        warmup_steps=min(steps // 4, 50),
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=3e-2, use_ema=True, ema_momentum=0.99)
    optimizer.build(upper.trainable_variables)

    @tf.function(reduce_retracing=True)
    def step(features: tf.Tensor, *targets: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            error = loss(settings, upper(tf.cast(features, tf.float32), training=True), *targets)
        gradients = tape.gradient(error, upper.trainable_variables)
        optimizer.apply_gradients(zip(gradients, upper.trainable_variables, strict=True))
        return error

    images, places = (np.stack(part) for part in zip(*(plain(p, settings.size) for p in checking), strict=True))
    unchanged = lower.predict(to_real(images)[..., np.newaxis], batch_size=settings.batch, verbose=0)
    started, errors = time.monotonic(), []
    for epoch in range(settings.epochs):
        order = rng.permutation(len(variants.targets))
        for number, first in enumerate(range(0, len(order), settings.batch)):
            batch = order[first : first + settings.batch]
            parts = (variants.features, variants.places, variants.targets, variants.mirrored, variants.weights)
            errors.append(float(step(*(tf.constant(part[batch]) for part in parts))))
            if number % 50 == 49:
                done = {"step": epoch * steps + number + 1, "of": settings.epochs * steps}
                done |= {"seconds": round(time.monotonic() - started)}
                print(json.dumps(done | {"loss": round(float(np.mean(errors[-50:])), 4)}), flush=True)
        kept = [variable.numpy() for variable in upper.trainable_variables]
        optimizer.finalize_variable_values(upper.trainable_variables)
        logits = upper.predict(unchanged, batch_size=settings.batch, verbose=0)
        print(json.dumps({"epoch": epoch + 1} | figures(settings, checking, logits, places)), flush=True)
        if epoch + 1 < settings.epochs:
            for variable, value in zip(upper.trainable_variables, kept, strict=True):
                variable.assign(value)
