from pathlib import Path

import pytest

from edge_app.sources.video_port import VideoPort, node_at, port_of


class Bus:
    """A tree of devices with video nodes, as under /sys."""

    def __init__(self, folder: Path) -> None:
        self.nodes = folder / "class"
        self.nodes.mkdir()
        self._devices = folder / "devices"

    def plug(self, node: str, place: str, index: int = 0) -> None:
        device = self._devices / place
        device.mkdir(parents=True, exist_ok=True)
        entry = self.nodes / node
        entry.mkdir()
        (entry / "device").symlink_to(device)
        (entry / "index").write_text(f"{index}\n")

    def unplug(self, node: str) -> None:
        for path in (self.nodes / node).iterdir():
            path.unlink()
        (self.nodes / node).rmdir()


@pytest.fixture
def bus(tmp_path: Path) -> Bus:
    return Bus(tmp_path)


def test_a_device_is_found_again_at_its_port_under_another_number(bus: Bus) -> None:
    bus.plug("video0", "usb1/1-2/1-2:1.0")
    bus.plug("video1", "usb1/1-2/1-2:1.0", index=1)  # its metadata node
    port = port_of("/dev/video0", bus.nodes)
    assert port is not None and node_at(port, bus.nodes) == "/dev/video0"
    bus.unplug("video0")
    bus.unplug("video1")
    assert node_at(port, bus.nodes) is None
    bus.plug("video0", "usb1/1-7/1-7:1.0")  # somebody plugs in another camera
    bus.plug("video2", "usb1/1-2/1-2:1.0")
    bus.plug("video3", "usb1/1-2/1-2:1.0", index=1)
    assert node_at(port, bus.nodes) == "/dev/video2"


def test_a_node_that_the_kernel_does_not_list_has_no_known_port(bus: Bus) -> None:
    assert port_of("/dev/video5", bus.nodes) is None
    assert node_at(VideoPort("usb1/1-2", "0"), bus.nodes / "nowhere") is None


def test_a_path_that_follows_its_device_by_itself_is_left_alone(bus: Bus) -> None:
    bus.plug("video0", "usb1/1-2/1-2:1.0")
    assert port_of("/dev/v4l/by-path/pci-0-usb-0:2:1.0-video-index0", bus.nodes) is None
