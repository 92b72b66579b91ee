"""Train the upper layers of a router that is already trained, on a pool of what its lower layers see.

A quarter of the work of a whole training, so that other lists of what to refuse can be tried on a small machine.
"""

import json
import time
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from tqdm import tqdm

from tools.training.dataset import Row
from tools.training.router_pool import Pool, make_pool, split_model

CUT: Final = "features_13"
"""Stride 16, 96 channels: below it is two thirds of the work, and what every picture has in common."""
BATCH: Final = 48
REPORT_EVERY: Final = 50


def train_upper(
    model: keras.Model, rows: list[Row], out: Path, *, size: int, passes: int, rate: float, seed: int, minutes: float
) -> None:
    """Train all that lies above ``CUT``, in place; the pool is kept in ``out/pool`` and the weights in ``out/upper``.

    Args:
        model: A trained router.
        rows: Their training split is learned from.
        out: Folder of the run.
        size: Pictures in the pool.
        passes: How often each is seen.
        rate: Highest learning rate.
        seed: Of pictures and order.
        minutes: The training (not the pool) stops earlier, with the rate brought down in time.
    """
    stem, upper = split_model(model, CUT)
    pool = make_pool(stem, rows, out / "pool", size, seed)
    fit_upper(upper, pool, steps=passes * len(pool.labels) // BATCH, rate=rate, seed=seed, minutes=minutes, log=out)
    model.save(out / "upper.keras")


def fit_upper(
    upper: keras.Model, pool: Pool, *, steps: int, rate: float, seed: int, minutes: float, log: Path
) -> list[dict[str, float]]:
    """Train on batches of the pool; writes the losses to ``upper.json`` in the folder ``log``."""
    upper.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-4),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),  # C = -ln a_y on SoftMax
        metrics=["accuracy"],
    )
    history: list[dict[str, float]] = []
    seen: list[tuple[float, float]] = []
    started = time.monotonic()
    for step, (maps, labels) in zip(range(steps), pool.batches(BATCH, seed), strict=False):
        share = max(step / steps, (time.monotonic() - started) / 60 / minutes)
        if share >= 1:
            break
        upper.optimizer.learning_rate = rate * min(1.0, (step + 1) / 40) * 0.5 * (1 + float(np.cos(np.pi * share)))
        result: Any = upper.train_on_batch(maps, labels)
        seen.append((float(result[0]), float(result[1])))
        upper.reset_metrics()
        if (step + 1) % REPORT_EVERY == 0:
            loss, accuracy = np.mean(seen, axis=0).tolist()
            seen.clear()
            history.append({"step": step + 1, "loss": round(loss, 4), "accuracy": round(accuracy, 4)})
            tqdm.write(f"{time.monotonic() - started:.0f} s {history[-1]}")
    (log / "upper.json").write_text(json.dumps(history, indent=1) + "\n")
    return history
