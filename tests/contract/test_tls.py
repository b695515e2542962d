"""Providers over TLS: what fails before a request went out is tried again, what fails behind it never is."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import create_server, socket
from threading import Thread

import pytest

from octavo.domain.outcome import Temporary, Uncertain
from octavo.providers.registry import PROVIDERS
from tests.certificates import Authority

TLS_PIECE = 65_536


class Peer:
    """The other side of one TLS connection, whose records can be broken."""

    def __init__(self, connection: socket, context: ssl.SSLContext) -> None:
        self.connection = connection
        self._inward, self._outward = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._inward, self._outward, server_side=True)

    def wait_for(self, step: Callable[[], bytes | None]) -> bytes | None:
        """The step's result, once enough has come for it."""
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self.connection.sendall(self._outward.read())
                piece = self.connection.recv(TLS_PIECE)
                if not piece:
                    raise ConnectionError("nothing more comes") from None
                self._inward.write(piece)
            finally:
                if self._outward.pending:
                    self.connection.sendall(self._outward.read())

    def shake_hands(self) -> None:
        self.wait_for(self._tls.do_handshake)

    def read(self) -> bytes:
        return self.wait_for(lambda: self._tls.read(TLS_PIECE)) or b""

    def record(self, plain: bytes) -> bytearray:
        """The bytes of a record that says this."""
        self._tls.write(plain)
        return bytearray(self._outward.read())


def plain_text(peer: Peer) -> None:
    """Something between the two answers without TLS."""
    peer.connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")


def bad_record(peer: Peer) -> None:
    """The answer is damaged on its way."""
    answer = peer.record(b'HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{"MessageId":"abc1"}')
    answer[-1] ^= 1
    peer.connection.sendall(bytes(answer))


def nothing(peer: Peer) -> None:
    """The connection ends."""


def whole_request(peer: Peer) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += peer.read()
    head, _, body = data.partition(b"\r\n\r\n")
    [length] = [int(line.split(b":")[1]) for line in head.splitlines() if line.lower().startswith(b"content-length")]
    while len(body) < length:
        body += peer.read()
    return head + b"\r\n\r\n" + body


@contextmanager
def answering(context: ssl.SSLContext, answer: Callable[[Peer], None]) -> Iterator[tuple[str, list[bytes]]]:
    """A server's address, and the requests that it has; each of them gets this answer, and its connection ends."""
    requests: list[bytes] = []
    with create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    peer = Peer(connection, context)
                    try:
                        peer.shake_hands()
                        requests.append(whole_request(peer))
                        answer(peer)
                    except (ssl.SSLError, ConnectionError):
                        continue

        Thread(target=serve, daemon=True).start()
        yield f"https://127.0.0.1:{server.getsockname()[1]}", requests
        # A thread that waits in accept() is not woken by close().
        with socket() as last:
            last.connect(server.getsockname())


@pytest.fixture
def served(tmp_path, monkeypatch):
    authority = Authority()
    certificate, key = authority.vouches_for("localhost").write(tmp_path)
    trusted = tmp_path / "authority.pem"
    trusted.write_bytes(authority.chain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, trusted


@pytest.fixture
def trusting(served, monkeypatch):
    """Clients trust the server: aiohttp asks OpenSSL, boto3 has a variable of its own."""
    _, trusted = served
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(trusted))
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", ssl.create_default_context())


@pytest.mark.asked("S17")
@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("answer", [plain_text, bad_record, nothing])
async def test_what_breaks_behind_the_request_is_uncertain(bench_of, served, trusting, name, answer):
    bench = bench_of(name)
    with answering(served[0], answer) as (url, requests):
        outcome = await bench.send(bench.client(url))
    assert len(requests) == 1
    assert isinstance(outcome, Uncertain)


@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_certificate_that_nobody_vouches_for_is_met_before_the_request(bench_of, served, name):
    bench = bench_of(name)
    with answering(served[0], nothing) as (url, requests):
        outcome = await bench.send(bench.client(url))
    assert requests == []
    assert isinstance(outcome, Temporary)
