"""Fetching SNS's certificate over HTTP: one file from one address, of a bounded size, and never from where a redirect points."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from octavo.domain.errors import Unavailable
from octavo.providers.sns_certificates import MAX_CERTIFICATE_BYTES, fetch_certificate
from octavo.providers.sns_envelope import Forged

PEM = b"-----BEGIN CERTIFICATE-----"


@pytest.fixture
async def aws():
    """A server with one file, and ways to mislead; `asked` is what it was asked for."""
    asked = []

    async def answer(request):
        asked.append(request.path)
        match request.path:
            case "/file.pem":
                return web.Response(body=PEM)
            case "/redirect.pem":
                return web.Response(status=302, headers={"Location": "/file.pem"})
            case "/large.pem":
                return web.Response(body=b"x" * 10 * 1024 * 1024)
            case "/broken.pem":
                return web.Response(status=503)
            case _:
                return web.Response(status=404)

    app = web.Application()
    app.router.add_get("/{name}", answer)
    async with TestServer(app) as server:
        yield server, asked


async def test_the_file_is_fetched(aws):
    server, _ = aws

    assert await fetch_certificate(str(server.make_url("/file.pem"))) == PEM


async def test_a_redirect_is_not_followed(aws):
    server, asked = aws

    with pytest.raises(Forged):
        await fetch_certificate(str(server.make_url("/redirect.pem")))

    assert asked == ["/redirect.pem"]


async def test_a_file_that_is_not_there_is_a_forgery(aws):
    server, _ = aws

    with pytest.raises(Forged):
        await fetch_certificate(str(server.make_url("/none.pem")))


async def test_a_server_that_fails_is_asked_again_later(aws):
    server, _ = aws

    with pytest.raises(Unavailable):
        await fetch_certificate(str(server.make_url("/broken.pem")))
    with pytest.raises(Unavailable):
        await fetch_certificate("http://127.0.0.1:9/file.pem")


async def test_a_large_file_is_not_read_to_its_end(aws):
    server, _ = aws

    assert len(await fetch_certificate(str(server.make_url("/large.pem")))) < 2 * MAX_CERTIFICATE_BYTES
