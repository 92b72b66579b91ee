"""A fake capture card in another process than the one that plays with it."""

import functools
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_app.sources.fake_capture_card import FakeCaptureCard
from edge_app.sources.live import Captured, CaptureFormat

LOOK_S: Final = 0.005
PLUGGED_IN: Final = "plug_in"


class DistantCard:
    """A ``FakeCaptureCard`` for a ``CaptureProcess``: what is told here is done in the process that has the card.

    Unlike a real one, a card that was unplugged knows it while no process has it open.

    Args:
        folder: An empty one of its own; the pictures and what was told last are kept there.
        pictures, rate_hz: As for ``FakeCaptureCard``.
    """

    def __init__(self, folder: Path, pictures: Sequence[NDArray[np.uint8]], rate_hz: float = 30.0) -> None:
        self._folder = folder
        np.save(folder / "pictures.npy", np.stack(pictures))
        self._rate_hz = rate_hz
        self.tell(PLUGGED_IN)

    def tell(self, what: str) -> None:
        """Have the card do something: the name of a method of ``FakeCaptureCard``, or ``exit``: end its process."""
        (self._folder / "new").write_text(what)
        (self._folder / "new").replace(self._folder / "told")

    def choose_device(self) -> Callable[[], "_ToldCard"]:
        """For a ``CaptureProcess``."""
        return functools.partial(_ToldCard, self._folder, self._rate_hz)


class _ToldCard(FakeCaptureCard):
    """The card, in the process that owns it."""

    def __init__(self, folder: Path, rate_hz: float) -> None:
        super().__init__(list(np.load(folder / "pictures.npy")), rate_hz)
        self._told_file = folder / "told"
        self._told = PLUGGED_IN
        self._listener = threading.Thread(target=self._listen, daemon=True)

    def open(self, asked: CaptureFormat) -> CaptureFormat:
        self._do_what_is_told()
        if not self._listener.is_alive():
            self._listener.start()
        return super().open(asked)

    def read(self) -> Captured | None:
        captured = super().read()
        self.history.clear()
        return captured

    def _listen(self) -> None:
        while True:
            time.sleep(LOOK_S)
            self._do_what_is_told()

    def _do_what_is_told(self) -> None:
        told = self._told_file.read_text()
        if told != self._told:
            self._told = told
            if told == "exit":
                os._exit(3)
            getattr(self, told)()
