"""What is no HTTP, or does not end, or is too much of it, at the door of the receipts."""

import socket
import threading
import time
from contextlib import ExitStack, suppress

import pytest

from tests.waiting import until


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"POST /receipts/mmg HTTP/9.9\r\n\r\n",
        b"POST /receipts/mmg HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /receipts/mmg HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /receipts/mmg HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        b"POST /receipts/mmg HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"\x00" * 20_000,
    ],
    ids=lambda sent: str(sent[:50]),
)
def test_what_is_no_http(service, honest, refused, sent):
    before = refused("unknown", "no-http")
    with service.connect() as connection, suppress(OSError):
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(100_000)
        assert not answer or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4"))
        # No word of ours goes to strangers.
        assert not answer or answer.endswith(b"\r\n\r\n")
    until(lambda: refused("unknown", "no-http") > before)
    assert service.post(*honest()) == 200


@pytest.mark.parametrize("rest", [b"5\r\nhello\r\nzz\r\n", b"5\r\nhelloXX", b"-1\r\n", b""])
def test_a_body_that_breaks_off_or_is_no_body(service, honest, credentials, refused, rest):
    before = refused("mmg", "broken-off")
    authorization = credentials["mmg"]["Authorization"]
    head = f"POST /receipts/mmg HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\nTransfer-Encoding: chunked\r\n\r\n"
    with service.connect() as connection:
        connection.sendall(head.encode() + b'3\r\n{"C\r\n')
        # Its beginning has surely arrived.
        assert service.post(*honest()) == 200
        connection.sendall(rest)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        with suppress(OSError):
            answer = connection.recv(100_000)
        assert not answer or answer.startswith(b"HTTP/1.1 4")
    until(lambda: refused("mmg", "broken-off") == before + 1)
    assert service.post(*honest()) == 200


def test_a_slow_loris_is_cut_off_and_delays_nobody(service, honest, refused):
    before = refused("unknown", "too-slow")
    head = b"POST /receipts/mmg HTTP/1.1\r\nHost: x\r\nX-"
    with ExitStack() as opened:
        # A third begins a body, a third goes on with its headers for ever, a third says nothing at all.
        connections = [opened.enter_context(service.connect()) for _ in range(150)]
        _, headers, _ = honest()
        begun = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        for number, connection in enumerate(connections):
            if number % 3 == 0:
                connection.sendall(
                    f"POST /receipts/mmg HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n{begun}\r\nx".encode()
                )
            elif number % 3 == 1:
                connection.sendall(head)
        ended = threading.Event()

        def drip():
            while not ended.wait(0.5):
                for number, connection in enumerate(connections):
                    if number % 3 != 2:
                        with suppress(OSError):
                            connection.sendall(b"a")

        dripping = threading.Thread(target=drip, daemon=True)
        dripping.start()
        opened.callback(ended.set)
        slowest = 0.0
        deadline = time.monotonic() + 30
        while refused("unknown", "too-slow") < before + len(connections):
            assert time.monotonic() < deadline
            asked = time.monotonic()
            assert service.post(*honest()) == 200
            slowest = max(slowest, time.monotonic() - asked)
            time.sleep(0.2)

    assert slowest < 5


def test_more_connections_than_it_takes(service, honest, refused):
    before = refused("unknown", "too-many-connections")
    with ExitStack() as opened:
        for _ in range(900):
            with suppress(OSError):
                opened.enter_context(service.connect())
        until(lambda: refused("unknown", "too-many-connections") > before)
        assert service.ask("/livez")[0] == 200

    # Once they are gone it takes receipts again.
    def taken():
        with suppress(OSError):
            return service.post(*honest()) == 200
        return False

    until(taken)
