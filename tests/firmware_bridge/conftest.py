from collections.abc import Iterator
from pathlib import Path

import pytest
from boards import Board
from controllers import compiled_library

from firmware_bridge.compiled_firmware import CompiledFirmware
from firmware_bridge.fake_firmware import FakeFirmware


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled_library(tmp_path_factory.mktemp("firmware"))


@pytest.fixture(params=["fake", "compiled"])
def board(request: pytest.FixtureRequest) -> Iterator[Board]:
    if request.param == "fake":
        yield Board(FakeFirmware())
    else:
        yield Board(CompiledFirmware(request.getfixturevalue("library")))
