"""Turn a Keras network into a bundle: full int8 ``model.tflite``, ``card.toml`` and golden vectors."""

import contextlib
import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from models.bundle import Bundle, Card, read_card
from models.preprocessing import UINT8_TO_INT8


def to_real(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What a float network is fed: (uint8 - 128) / 128, exactly what the int8 network sees."""
    return (image.astype(np.float32) - np.float32(128)) / np.float32(128)


def write_bundle(
    folder: Path,
    model: Any,
    representative: Iterable[NDArray[np.uint8]],
    golden_inputs: NDArray[np.uint8],
    **card_fields: Any,
) -> Card:
    """Quantise a network and write its bundle; the finished bundle is loaded once, so that it is known to be valid.

    Args:
        folder: Created if needed; ``README.md`` and other files in it stay.
        model: Keras model, input float32 (n, height, width, channels) = (uint8 - 128) / 128; output: logits, or
            ``[logits, features]`` with the features' number in ``card_fields``.
        representative: Batches (n, height, width, channels) of pictures of the training split, uint8. The converter
            takes the ranges of all activations from them.
        golden_inputs: Drawn pictures, shape (n, height, width, channels), uint8; never images of a data set.
        **card_fields: Fields of ``Card`` but for ``sha256`` and ``input``.

    Raises:
        BundleRejected: The finished bundle is not valid.
    """
    height, width, channels = model.input_shape[1:]
    content = to_int8(model, representative)
    (folder / "golden").mkdir(parents=True, exist_ok=True)
    (folder / "model.tflite").write_bytes(content)
    inputs = np.bitwise_xor(golden_inputs, UINT8_TO_INT8).view(np.int8)
    answers = _run(content, inputs, card_fields.get("features", 0))
    np.savez_compressed(folder / "golden" / "vectors.npz", inputs=inputs, **answers)
    fields = {
        **card_fields,
        "sha256": hashlib.sha256(content).hexdigest(),
        "input": {"height": height, "width": width, "colour": "gray" if channels == 1 else "rgb"},
    }
    write_card(folder, Card.model_validate(fields))
    return Bundle(folder).card


def to_int8(model: Any, representative: Iterable[NDArray[np.uint8]]) -> bytes:
    """A full int8 ``.tflite`` of batch size 1, input scale 1/128 and zero point 0."""
    import keras
    import tensorflow as tf

    height, width, channels = model.input_shape[1:]
    image = keras.Input(batch_shape=(1, height, width, channels))
    single = keras.Model(image, model(image, training=False))

    def samples() -> Iterable[list[NDArray[np.float32]]]:
        # A black-to-white ramp first: it pins the input's range to 0..255, so that its scale is exactly 1/128.
        ramp = np.linspace(0, 255, width).round().astype(np.uint8)
        yield [to_real(np.broadcast_to(ramp[None, None, :, None], (1, height, width, channels)))]
        for batch in representative:
            for image in batch:
                yield [to_real(image[np.newaxis])]

    converter = tf.lite.TFLiteConverter.from_keras_model(single)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = samples
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    with contextlib.redirect_stdout(io.StringIO()):  # the export lists every variable
        return bytes(converter.convert())


def _run(content: bytes, inputs: NDArray[np.int8], features: int) -> dict[str, NDArray[np.int8]]:
    """The network's int8 answers: ``outputs``, and ``features`` if it gives any."""
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    names = {
        "features" if features and output["shape"][-1] == features else "outputs": output["index"]
        for output in interpreter.get_output_details()
    }
    answers: dict[str, list[NDArray[np.int8]]] = {name: [] for name in names}
    for image in inputs:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[np.newaxis])
        interpreter.invoke()
        for name, index in names.items():
            answers[name].append(interpreter.get_tensor(index)[0])
    return {name: np.stack(values) for name, values in answers.items()}


def write_card(folder: Path, card: Card) -> None:
    """Write ``card.toml``."""
    (folder / "card.toml").write_text(to_toml(card.model_dump(mode="json")))


def update_card(folder: Path, **fields: Any) -> Card:
    """Replace fields of a bundle's card, such as ``metrics`` and ``int8`` after an evaluation."""
    card = Card.model_validate({**read_card(folder).model_dump(), **fields})
    write_card(folder, card)
    return card


def to_toml(document: Mapping[str, Any]) -> str:
    """A document of strings, numbers, lists, tables and lists of tables as TOML."""
    return "\n".join(_table(document, ())).strip() + "\n"


def _table(table: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    lines, below = [], []
    for key, value in table.items():
        if isinstance(value, Mapping):
            name = ".".join((*map(_key, path), _key(key)))
            below += ["", f"[{name}]", *_table(value, (*path, key))]
        elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
            name = ".".join((*map(_key, path), _key(key)))
            for item in value:
                below += ["", f"[[{name}]]", *_table(item, (*path, key))]
        else:
            lines.append(f"{_key(key)} = {_value(value)}")
    return lines + below


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        items = [_value(item) for item in value]
        inline = f"[{', '.join(items)}]"
        if len(inline) <= 100:
            return inline
        return "[\n" + "".join(f"    {item},\n" for item in items) + "]"
    raise TypeError(f"{value!r} has no form in TOML")
