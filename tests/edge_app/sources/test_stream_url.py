import base64
import http.server
import socket
import threading
import time
from collections.abc import Iterator
from itertools import islice

import cv2
import numpy as np
import pytest

from edge_app.errors import CameraLost, SourceError
from edge_app.sources.stream_url import StreamUrl, without_credentials


class MjpegServer:
    """A camera on the loopback: picture n is gray n; it can hang up, fall silent, ask for a password and go away."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str | None]] = []
        self.hang_up_after = 1000
        self.silent_after = 1000
        self.password: str | None = None
        self._ending = threading.Event()
        camera = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera._serve(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.address = f"127.0.0.1:{self._server.server_port}"

    def _serve(self, request: http.server.BaseHTTPRequestHandler) -> None:
        self.requests.append((request.path, request.headers.get("Authorization")))
        if self.password is not None:
            expected = "Basic " + base64.b64encode(f"anna:{self.password}".encode()).decode()
            if request.headers.get("Authorization") != expected:
                request.send_response(401)
                request.send_header("WWW-Authenticate", 'Basic realm="camera"')
                request.end_headers()
                return
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace;boundary=frame")
        request.end_headers()
        try:
            for index in range(self.hang_up_after):
                jpeg = cv2.imencode(".jpg", np.full((48, 64), index % 256, np.uint8))[1].tobytes()
                head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
                request.wfile.write(head + jpeg + b"\r\n")
                pause_s = 30 if index >= self.silent_after else 0.01
                if self._ending.wait(pause_s):
                    return
        except OSError:  # the client has gone
            pass

    def close(self) -> None:
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def camera() -> Iterator[MjpegServer]:
    server = MjpegServer()
    yield server
    server.close()


def test_a_stream_gives_frames_of_its_size_and_the_newest_wins(camera: MjpegServer) -> None:
    with StreamUrl(f"http://{camera.address}/cam", open_s=5) as source:
        frames = list(islice(source.frames(), 20))
        time.sleep(0.2)
        later = next(source.frames())
        description = source.describe()
    assert {frame.pixels.shape for frame in frames} == {(48, 64, 3)}
    assert later.sequence > frames[-1].sequence + 5
    assert abs(int(later.pixels.mean()) - later.sequence) <= 3
    assert (description["given_width_px"], description["given_height_px"]) == (64, 48)
    assert frames[0].source == f"http://{camera.address}/cam"


def test_a_stream_that_hangs_up_is_connected_again(camera: MjpegServer) -> None:
    camera.hang_up_after = 15
    with StreamUrl(f"http://{camera.address}/cam", open_s=5, stall_s=2, reconnect_s=5) as source:
        frames = list(islice(source.frames(), 40))
        reconnects = source.describe()["reconnects"]
    assert len(camera.requests) >= 2 and isinstance(reconnects, int) and reconnects >= 1
    assert len({frame.clip_id for frame in frames}) == 1
    assert [frame.sequence for frame in frames] == sorted({frame.sequence for frame in frames})


def test_a_stream_that_falls_silent_is_connected_again(camera: MjpegServer) -> None:
    camera.silent_after = 10
    with StreamUrl(f"http://{camera.address}/cam", open_s=5, stall_s=0.5, reconnect_s=5) as source:
        for frame in source.frames():
            if len(camera.requests) > 1 and frame.time_s > 0.5:
                break
        assert source.describe()["reconnects"] == 1


def test_a_stream_that_stays_away_is_lost(camera: MjpegServer) -> None:
    camera.hang_up_after = 5
    source = StreamUrl(f"http://{camera.address}/cam", open_s=1, stall_s=0.5, reconnect_s=1)
    with source, pytest.raises(CameraLost, match="Check that the address") as caught:
        for frame in source.frames():
            if frame.sequence == 0:
                camera.close()
    assert camera.address in str(caught.value)


def test_a_stream_can_be_entered_again(camera: MjpegServer) -> None:
    source = StreamUrl(f"http://{camera.address}/cam", open_s=5)
    with source:
        first = next(source.frames())
    with source:
        second = next(source.frames())
    assert second.sequence > first.sequence and second.clip_id != first.clip_id


def test_a_server_that_never_answers_is_lost_after_the_open_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = StreamUrl(f"http://127.0.0.1:{server.getsockname()[1]}/cam", open_s=0.5)
        start_s = time.monotonic()
        with pytest.raises(CameraLost), source:
            pass
        assert time.monotonic() - start_s < 3


@pytest.mark.parametrize("in_url", [True, False])
def test_a_password_is_used_and_told_to_nobody_else(
    in_url: bool, camera: MjpegServer, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    camera.password = "geheim@/:"
    camera.hang_up_after = 10
    if in_url:
        source = StreamUrl(f"http://anna:geheim%40%2F%3A@{camera.address}/cam?token=geheim", open_s=5, reconnect_s=1)
    else:
        source = StreamUrl(f"http://{camera.address}/cam?token=geheim", user="anna", password="geheim@/:", open_s=5)
    said = [source.name]
    with source:
        frame = next(source.frames())
        said += [frame.source, str(frame.clip_id), repr(source.describe())]
    assert any(path == "/cam?token=geheim" and login for path, login in camera.requests)
    camera.password = "another"
    with pytest.raises(CameraLost, match="password") as caught, source:
        pass
    said += [str(caught.value), caplog.text, *capfd.readouterr()]
    assert not any("geheim" in text or "anna" in text for text in said), said


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://u:p@10.0.0.5:554/live/1?key=k#x", "rtsp://10.0.0.5:554/live/1"),
        ("http://[::1]:8080/a", "http://[::1]:8080/a"),
        ("https://host", "https://host"),
        ("rtsp://u:p%40@host/a", "rtsp://host/a"),
    ],
)
def test_a_name_is_the_address_without_secrets(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


@pytest.mark.parametrize(
    "url", ["", "host/cam", "file:///secret/a.mp4", "ftp://u:secret@host/a", "http://", "http://u:secret@host:port/a"]
)
def test_what_is_no_stream_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(SourceError) as caught:
        StreamUrl(url)
    assert "secret" not in str(caught.value) and "://" in str(caught.value)
