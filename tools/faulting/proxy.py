"""A TCP proxy on loopback that spoils the link between a client and a server."""

import asyncio
import contextlib
import random
import threading
from types import TracebackType
from typing import Final, Literal, Self, TypeAlias

LinkState: TypeAlias = Literal["good", "refusing", "stalled", "lossy"]
"""``refusing``: a connection is reset as soon as it is made, old ones too; ``stalled``: bytes go nowhere, connections
stay; ``lossy``: bytes come late and in pieces, and now and then the rest of what is under way is lost with the
connection."""

CUT_PROBABILITY: Final = 0.02
"""Of a piece on a lossy link to be the last."""
LONGEST_DELAY_S: Final = 0.02
"""Of a piece on a lossy link."""


class FaultProxy:
    """Passes bytes between its port and another, well or badly; use it as a context manager.

    Args:
        target_port: Of the server, on loopback.
        seed: Of the lossy link's chances.
    """

    def __init__(self, target_port: int, seed: int) -> None:
        self.port = 0
        self._target_port = target_port
        self._random = random.Random(seed)
        self._state: LinkState = "good"
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", self.port), self._loop
        ).result(10)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def set_state(self, state: LinkState) -> None:
        """Be good or bad from now on; from any thread."""
        self._loop.call_soon_threadsafe(self._set_state, state)

    def cut(self) -> None:
        """Reset every connection; what is under way is lost."""
        self._loop.call_soon_threadsafe(self._cut)

    def _set_state(self, state: LinkState) -> None:
        self._state = state
        if state == "refusing":
            self._cut()

    def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _close(self) -> None:
        self._server.close()
        self._cut()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._state == "refusing":
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        pumps = [
            asyncio.ensure_future(self._pump(reader, far_writer)),
            asyncio.ensure_future(self._pump(far_reader, writer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            for end in (writer, far_writer):
                self._writers.discard(end)
                end.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                while self._state == "stalled":
                    await asyncio.sleep(0.01)
                if self._state == "lossy":
                    await self._pass_badly(data, writer)
                else:
                    writer.write(data)
                    await writer.drain()

    async def _pass_badly(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        while data:
            size = self._random.randint(1, max(1, len(data)))
            await asyncio.sleep(self._random.uniform(0, LONGEST_DELAY_S))
            if self._random.random() < CUT_PROBABILITY:
                writer.write(data[: size // 2])  # ends within a packet
                await writer.drain()
                self._cut()
                return
            writer.write(data[:size])
            await writer.drain()
            data = data[size:]
