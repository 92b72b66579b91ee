import tomllib

import pytest

from tools.training.bundle_writer import to_toml


def test_document_reads_back_as_it_was_written() -> None:
    document = {
        "name": 'quotes " and \\ and é',
        "numbers": [1, 2.5, -3e-7],
        "flag": True,
        "long": ["a" * 60, "b" * 60],
        "empty": [],
        "metrics": {"recall": {"us_lung": {"value": 0.9, "interval": [0.8, 1.0]}}, "odd key/name": 1},
        "training_data": [{"name": "a", "images": 3}, {"name": "b", "images": 4}],
        "last": {"value": 1},
    }
    assert tomllib.loads(to_toml(document)) == document


def test_value_without_a_toml_form_is_refused() -> None:
    with pytest.raises(TypeError, match="no form in TOML"):
        to_toml({"nothing": None})
