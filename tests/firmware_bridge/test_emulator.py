"""What only the emulated board can show: its watchdog."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from controllers import Watched, firmware_image, remove_firmware_image

from firmware_bridge.codes import Lamp
from firmware_bridge.emulator import EmulatedController
from firmware_bridge.errors import PortLost


@pytest.fixture(scope="module")
def controller() -> Iterator[EmulatedController]:
    with tempfile.TemporaryDirectory() as folder, EmulatedController(firmware_image(), Path(folder)) as made:
        yield made
    remove_firmware_image()


def test_watchdog_resets_a_firmware_whose_loop_hangs(controller: EmulatedController) -> None:
    with Watched(controller.open_port) as link:
        link.wait_up()
        link.wait_until(lambda: controller.lamp == Lamp.SCANNING, "scanning")
        controller.hang_its_loop()
        link.wait_until(lambda: link.bridge.figures.resets == 1, "the watchdog's reset was seen")
        link.wait_until(lambda: controller.lamp == Lamp.SCANNING, "scanning again")


def test_unplugged_board_has_no_port(controller: EmulatedController) -> None:
    controller.unplug()
    with pytest.raises(PortLost, match="unplugged"):
        controller.open_port()
    with pytest.raises(PortLost):
        controller.press(0)
    controller.plug_in()
    controller.open_port().close()
