"""The API over TLS: who is believed, and a certificate that changes while the server runs."""

import asyncio
import socket
import ssl
from typing import Any

import grpc
import pytest
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc

import octavo_client
from services.api.serving.server import GrpcServer
from services.api.settings import ApiSettings
from tests.certificates import Authority

pytestmark = [pytest.mark.asked("C6"), pytest.mark.timeout(60)]


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def settings(authority, tmp_path):
    """The settings of a server with TLS; further ones by keyword."""
    chain, key = authority.vouches_for("api").write(tmp_path)

    def made(**further):
        return ApiSettings.model_construct(api_port=0, tls_cert_file=str(chain), tls_key_file=str(key), **further)

    return made


@pytest.fixture
async def serving():
    """`await serving(settings)` is a server that serves health alone."""
    servers = []

    async def start(settings):
        server = GrpcServer(settings, None, (), lambda: None)  # type: ignore[arg-type]  # nobody calls what needs it
        await server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.drain()


async def _healthy(port, credentials):
    channel = (
        grpc.aio.secure_channel(f"localhost:{port}", credentials)
        if credentials
        else grpc.aio.insecure_channel(f"localhost:{port}")
    )
    async with channel:
        call = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
        return (await call).status


def _trusting(authority, client=None):
    pair = (client.secret, client.chain) if client else (None, None)
    return grpc.ssl_channel_credentials(authority.chain, *pair)


async def test_a_client_that_trusts_the_authority_is_served(serving, settings, authority):
    server = await serving(settings())
    assert await _healthy(server.port, _trusting(authority)) in {
        health_pb2.HealthCheckResponse.SERVING,
        health_pb2.HealthCheckResponse.NOT_SERVING,
    }


async def test_nobody_is_served_in_the_clear(serving, settings):
    server = await serving(settings())
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await _healthy(server.port, None)
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_client_that_trusts_another_authority_goes_away(serving, settings):
    server = await serving(settings())
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await _healthy(server.port, _trusting(Authority("another")))
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_clients_need_a_certificate_of_their_authority(serving, settings, authority, tmp_path):
    of_clients = Authority("of clients")
    (tmp_path / "clients.crt").write_bytes(of_clients.chain)
    server = await serving(settings(tls_client_ca_file=str(tmp_path / "clients.crt")))
    await _healthy(server.port, _trusting(authority, of_clients.vouches_for("shop")))
    for stranger in (None, Authority("foreign").vouches_for("shop"), authority.vouches_for("shop")):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await _healthy(server.port, _trusting(authority, stranger))
        assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("kind", [octavo_client.Client, octavo_client.AdminClient])
async def test_our_client_shows_a_certificate(serving, settings, authority, tmp_path, kind):
    of_clients = Authority("of clients")
    (tmp_path / "clients.crt").write_bytes(of_clients.chain)
    (tmp_path / "ca.crt").write_bytes(authority.chain)
    certificate, key = of_clients.vouches_for("shop").write(tmp_path, "shop")
    server = await serving(settings(tls_client_ca_file=str(tmp_path / "clients.crt")))

    def call(**own):
        address = f"127.0.0.1:{server.port}"
        with kind(address, "k", tls=tmp_path / "ca.crt", attempts=1, **own) as octavo:
            octavo.templates.get("t") if kind is octavo_client.Client else octavo.services.get("s")

    # Health alone is served: whoever gets in is told so.
    with pytest.raises(octavo_client.OctavoError) as raised:
        await asyncio.to_thread(call, tls_certificate=certificate, tls_key=key)
    assert raised.value.code == "UNIMPLEMENTED"
    with pytest.raises(octavo_client.Unavailable):
        await asyncio.to_thread(call)


def _shown(port, authority, tmp_path):
    """The serial number of the certificate that is shown to a new connection."""
    context = ssl.create_default_context(cadata=authority.chain.decode())
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("localhost", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        return x509.load_der_x509_certificate(secure.getpeercert(binary_form=True) or b"").serial_number


async def test_a_renewed_certificate_is_shown_without_a_restart(serving, settings, authority, tmp_path):
    server = await serving(settings())
    before = await asyncio.to_thread(_shown, server.port, authority, tmp_path)
    async with grpc.aio.secure_channel(f"localhost:{server.port}", _trusting(authority)) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        await stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
        renewed = authority.vouches_for("api", days=60)
        renewed.write(tmp_path)
        after = await asyncio.to_thread(_shown, server.port, authority, tmp_path)
        # The connection that was there goes on.
        await stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
    assert before != after == renewed.certificate.serial_number


async def test_a_broken_renewal_changes_nothing(serving, settings, authority, tmp_path):
    server = await serving(settings())
    before = await asyncio.to_thread(_shown, server.port, authority, tmp_path)
    (tmp_path / "tls.crt").write_text("half a certificate")
    assert await asyncio.to_thread(_shown, server.port, authority, tmp_path) == before


async def test_probes_need_no_certificate_and_see_health_alone(serving, settings, free_port):
    server = await serving(settings(health_port=free_port, ops_host="127.0.0.1"))
    deadline = asyncio.get_running_loop().time() + 10
    while await _healthy(free_port, None) != health_pb2.HealthCheckResponse.SERVING:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.05)
    async with grpc.aio.insecure_channel(f"localhost:{free_port}") as channel:
        call: Any = channel.unary_unary("/octavo.v1.NotificationService/SendSms")
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(b"", timeout=5)
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert server.port != free_port


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
