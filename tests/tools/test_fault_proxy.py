import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from brokers import wait_for

from tools.faulting.proxy import FaultProxy


@pytest.fixture
def echo_port() -> Iterator[int]:
    """A server that sends back what it gets."""
    server = socket.create_server(("127.0.0.1", 0))
    ends = [server]

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            ends.append(connection)
            threads.append(threading.Thread(target=echo, args=(connection,)))
            threads[-1].start()

    def echo(connection: socket.socket) -> None:
        try:
            while data := connection.recv(65536):
                connection.sendall(data)
        except OSError:
            pass

    threads = [threading.Thread(target=serve)]
    threads[0].start()
    yield server.getsockname()[1]
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
    for thread in threads:
        thread.join()


def received(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (more := connection.recv(65536)):
        data += more
    return data


def test_a_good_link_passes_everything(echo_port: int) -> None:
    data = bytes(range(256)) * 4000
    with FaultProxy(echo_port, 1) as proxy, socket.create_connection(("127.0.0.1", proxy.port), 5) as connection:
        sender = threading.Thread(target=connection.sendall, args=(data,))
        sender.start()
        assert received(connection, len(data)) == data
        sender.join()


def test_a_stalled_link_delivers_later(echo_port: int) -> None:
    with FaultProxy(echo_port, 1) as proxy, socket.create_connection(("127.0.0.1", proxy.port), 0.3) as connection:
        proxy.set_state("stalled")
        time.sleep(0.05)
        connection.sendall(b"late")
        with pytest.raises(TimeoutError):
            connection.recv(10)
        proxy.set_state("good")
        connection.settimeout(5)
        assert received(connection, 4) == b"late"


def test_a_refusing_link_resets_old_and_new_connections(echo_port: int) -> None:
    with FaultProxy(echo_port, 1) as proxy, socket.create_connection(("127.0.0.1", proxy.port), 5) as old:
        old.sendall(b"hello")
        assert received(old, 5) == b"hello"
        proxy.set_state("refusing")
        assert ended(old)
        with socket.create_connection(("127.0.0.1", proxy.port), 5) as new:
            assert ended(new)


def test_a_lossy_link_tears_data_and_gives_a_true_beginning_of_it(echo_port: int) -> None:
    data = bytes(range(256)) * 40
    torn = 0
    with FaultProxy(echo_port, 1) as proxy:
        proxy.set_state("lossy")
        for _ in range(40):
            with socket.create_connection(("127.0.0.1", proxy.port), 5) as connection:
                got = b""
                try:
                    connection.sendall(data)
                    while len(got) < len(data) and (more := connection.recv(65536)):
                        got += more
                except OSError:
                    pass
            assert data.startswith(got)
            torn += len(got) < len(data)
            if torn > 1:
                break
    assert torn > 1


def ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(10) == b""
    except OSError:
        return True


def test_leaving_ends_every_connection(echo_port: int) -> None:
    with FaultProxy(echo_port, 1) as proxy:
        connection = socket.create_connection(("127.0.0.1", proxy.port), 5)
        connection.sendall(b"hello")
        wait_for(lambda: connection.recv(5), "answered")
    assert ended(connection)
    connection.close()
