"""Train the router: MobileNetV2, all layers, C = -ln a_y on balanced and randomised batches."""

import argparse
import json
import os
import time
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, get_args

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tqdm import tqdm

from tools.training import mobilenet
from tools.training.augment import randomise, shrink
from tools.training.bundle_writer import to_real
from tools.training.dataset import DEFAULT_ROOT, Row, read_pictures, read_rows
from tools.training.dataset_check import check_groups, check_masks
from tools.training.dataset_choice import Choice, LicenceChoice, trained_categories, without_small
from tools.training.router_batches import LABELS, STORED_SIDE, Batch, BatchPlan, batches, to_network
from tools.training.router_export import export
from tools.training.router_pool import make_pool, split_model
from tools.training.router_upper import CUT, train_upper

STEPS_PER_EPOCH: Final = 100
WARM_UP_STEPS: Final = 60
PEAK_RATE: Final = 1e-3
WEIGHT_DECAY: Final = 1e-4
VALIDATION_PICTURES: Final = 25
"""Of each set, at most, after each epoch."""


@dataclass
class Progress:
    """How far a run is; kept beside its checkpoint."""

    step: int = 0
    elapsed_s: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


def build(side: int, weights: Path | None) -> keras.Model:
    """The network: backbone, mean over the picture, ten logits."""
    body = mobilenet.backbone(side, side, 3, weights)
    x = keras.layers.GlobalAveragePooling2D(name="mean")(body.output)
    x = keras.layers.Dropout(0.2, name="dropout")(x)
    return keras.Model(body.input, keras.layers.Dense(len(LABELS), name="logits")(x), name="router")


def main() -> None:
    """Read the command line, train, export."""
    parser = argparse.ArgumentParser(description="Train the router and write its bundle.")
    parser.add_argument("--data", type=Path, default=DEFAULT_ROOT, help="folder with <category>/<set>/labels.csv")
    parser.add_argument("--out", type=Path, default=Path(".work/router"), help="checkpoint, log and curves")
    parser.add_argument("--bundle", type=Path, default=Path("models/router"), help="folder of the finished bundle")
    parser.add_argument("--weights", type=Path, help="torchvision's mobilenet_v2-b0353104.pth (else fetched by name)")
    parser.add_argument("--start", type=Path, help="checkpoint.keras of another run to start from")
    parser.add_argument("--rate", type=float, default=PEAK_RATE, help="highest learning rate")
    parser.add_argument("--side", type=int, default=160, help="rows and columns of the input, pixels")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=16, help=f"of {STEPS_PER_EPOCH} batches")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop earlier, with the rate brought down in time")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--processes", type=int, default=1, help="that make batches")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--licence", choices=get_args(LicenceChoice), default="all", help="of the sets trained on")
    parser.add_argument("--without", nargs="*", default=[], help="categories and sets that training does not see")
    parser.add_argument("--upper", type=int, metavar="PICTURES", help="only the upper layers of --start, on a pool")
    parser.add_argument("--passes", type=int, default=3, help="with --upper: how often each picture is seen")
    parser.add_argument("--pool-only", action="store_true", help="with --upper: make the pool, and end")
    parser.add_argument("--average", type=Path, help="checkpoint.keras whose weights are averaged in before export")
    parser.add_argument("--export-only", action="store_true", help="write the bundle of the last checkpoint")
    options = parser.parse_args()

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(options.seed)
    everything = read_rows(options.data)
    choice = without_small(Choice(options.licence, tuple(options.without)), everything)
    rows = choice.of(everything)
    check_groups(rows, trained_categories(everything, rows, choice))
    check_masks(rows)
    model = train_part(options, rows) if options.upper else train(options, rows, choice)
    if options.pool_only:
        return
    if options.average:
        average(model, keras.models.load_model(options.average, compile=False))
    model.save(options.out / "final.keras")
    export(model, rows, options.bundle, options.out, options.seed)


def train(options: Any, rows: list[Row], choice: Choice) -> keras.Model:
    """Train from the last checkpoint, or from the ImageNet weights, to the end of the epochs or minutes."""
    options.out.mkdir(parents=True, exist_ok=True)
    checkpoint, state = options.out / "checkpoint.keras", options.out / "progress.json"
    if checkpoint.is_file() and state.is_file():
        model = keras.models.load_model(checkpoint)
        progress = Progress(**json.loads(state.read_text()))
    else:
        progress = Progress()
        if options.start:
            model = keras.models.load_model(options.start, compile=False)
        else:
            model = build(options.side, mobilenet.find_weights(options.weights))
        model.compile(
            keras.optimizers.AdamW(options.rate, weight_decay=WEIGHT_DECAY),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),  # C = -ln a_y on SoftMax
            metrics=["accuracy"],
        )
    total = options.epochs * STEPS_PER_EPOCH
    if options.export_only or progress.step >= total:
        return model
    validation = validation_batches(rows, options.side, options.seed)
    plan = BatchPlan(options.data, options.seed, options.batch, options.side, choice)
    started = time.monotonic() - progress.elapsed_s
    with (
        closing(batches(plan, progress.step, options.processes)) as feed,
        tqdm(total=total, initial=progress.step) as bar,
    ):
        done = False
        while not done:
            seen = []
            for _ in range(STEPS_PER_EPOCH - progress.step % STEPS_PER_EPOCH):
                share = max(progress.step / total, (time.monotonic() - started) / 60 / options.minutes)
                model.optimizer.learning_rate = options.rate * schedule(progress.step, share)
                images, labels = next(feed)
                loss, accuracy = model.train_on_batch(to_real(images), labels)
                seen.append((float(loss), float(accuracy)))
                progress.step += 1
                bar.update()
                bar.set_postfix(loss=f"{loss:.3f}", accuracy=f"{accuracy:.3f}")
                done = progress.step >= total or share >= 1
                if done:
                    break
            progress.elapsed_s = time.monotonic() - started
            mean_loss, mean_accuracy = np.mean(seen, axis=0).tolist()
            entry = {"step": progress.step, "loss": mean_loss, "accuracy": mean_accuracy, **validate(model, validation)}
            progress.history.append(entry)
            tqdm.write(" ".join(f"{key} {value:.4g}" for key, value in entry.items()))
            _save(model, progress, checkpoint, state)
    draw_curves(progress, options.out / "curves.png")
    return model


def train_part(options: Any, rows: list[Row]) -> keras.Model:
    """Train the upper layers of ``--start`` alone."""
    if options.start is None:
        raise SystemExit("--upper goes on from a trained network: pass --start")
    model = keras.models.load_model(options.start, compile=False)
    if options.pool_only:
        make_pool(split_model(model, CUT)[0], rows, options.out / "pool", options.upper, options.seed)
        return model
    train_upper(
        model,
        rows,
        options.out,
        size=options.upper,
        passes=options.passes,
        rate=options.rate,
        seed=options.seed,
        minutes=options.minutes,
    )
    return model


def average(model: keras.Model, other: keras.Model) -> None:
    """Set every weight to the mean of the two networks', of which one was trained on from the other.

    Source: Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022 (weight-space ensembles).
    """
    model.set_weights([(a + b) / 2 for a, b in zip(model.get_weights(), other.get_weights(), strict=True)])


def schedule(step: int, share: float) -> float:
    """Part of the highest learning rate: linear warm-up, then half a cosine down to 0 at ``share`` 1 of the run."""
    warm_up = min(1.0, (step + 1) / WARM_UP_STEPS)
    return warm_up * 0.5 * (1 + float(np.cos(np.pi * min(1.0, share))))


def validation_batches(rows: list[Row], side: int, seed: int) -> dict[str, Batch]:
    """Pictures of the validation split as they are, and each once randomised (a mirror of unknown screens)."""
    rng = np.random.default_rng([seed, 1 << 41])
    taken: dict[str, int] = {}
    plain, changed, labels = [], [], []
    for row in rows:
        if row.split != "val" or taken.get(row.set_name, 0) >= VALIDATION_PICTURES:
            continue
        taken[row.set_name] = taken.get(row.set_name, 0) + 1
        image = shrink(read_pictures(row, 1, colour=True)[0], STORED_SIDE)
        plain.append(to_network(image, side))
        changed.append(to_network(randomise(image, rng, radiograph=row.category.startswith("xr_")), side))
        labels.append(LABELS.index(row.category))
    return {"val": (np.stack(plain), np.array(labels)), "val_randomised": (np.stack(changed), np.array(labels))}


def validate(model: keras.Model, validation: dict[str, Batch]) -> dict[str, float]:
    """Loss and mean recall over the labels, for each validation batch."""
    result = {}
    for name, (images, labels) in validation.items():
        logits = model.predict(to_real(images), batch_size=32, verbose=0).astype(np.float64)
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_probability = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        hits: NDArray[np.bool_] = logits.argmax(axis=1) == labels
        result[f"{name}_loss"] = float(-log_probability[np.arange(len(labels)), labels].mean())
        result[f"{name}_recall"] = float(np.mean([hits[labels == label].mean() for label in np.unique(labels)]))
    return result


def _save(model: keras.Model, progress: Progress, checkpoint: Path, state: Path) -> None:
    """Replace the checkpoint so that a kill at any time leaves the old or the new one."""
    for target, write in (
        (checkpoint, lambda path: model.save(path)),
        (state, lambda path: path.write_text(json.dumps(asdict(progress), indent=1))),
    ):
        part = target.with_name(f"part-{target.name}")
        write(part)
        part.replace(target)


def draw_curves(progress: Progress, path: Path) -> None:
    """Loss and accuracy over the steps, as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4))
    steps = [entry["step"] for entry in progress.history]
    for axis, names in zip(
        axes,
        (("loss", "val_loss", "val_randomised_loss"), ("accuracy", "val_recall", "val_randomised_recall")),
        strict=True,
    ):
        for name in names:
            axis.plot(steps, [entry[name] for entry in progress.history], label=name)
        axis.set_xlabel("step")
        axis.legend()
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
