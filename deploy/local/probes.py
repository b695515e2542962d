"""Whether a program of the stack does its work: each probe asks in the program's language and waits for seconds."""

import socket
import struct
import urllib.request

import psycopg2

_SECONDS = 2

_API_VERSIONS = 18
"""Key of Kafka's request for the versions that a broker speaks: the one request that needs no other before it."""


def listening(port: int) -> bool:
    """Tell whether something listens on a port of the loopback interface."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=_SECONDS).close()
    except OSError:
        return False
    return True


def http_ok(url: str) -> bool:
    """Tell whether a GET of the URL is answered with 200. Proxies of the environment are not asked."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_SECONDS) as answer:
            return bool(answer.status == 200)  # noqa: PLR2004
    except OSError:
        return False


def kafka_ready(port: int) -> bool:
    """Tell whether the broker on a port of the loopback interface answers requests.

    It accepts connections some seconds before it answers, and a client that comes then is slow to try again; so this
    sends one bare request.
    """
    request = struct.pack(">hhih", _API_VERSIONS, 0, 1, -1)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_SECONDS) as connection:
            connection.settimeout(_SECONDS / 4)
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = connection.recv(10)
    except OSError:
        return False
    # Size, correlation id, error code.
    return len(answer) == 10 and answer[4:] == struct.pack(">ih", 1, 0)  # noqa: PLR2004


def postgres_ready(url: str) -> bool:
    """Tell whether PostgreSQL takes connections."""
    try:
        psycopg2.connect(url, connect_timeout=_SECONDS).close()
    except psycopg2.OperationalError:
        return False
    return True
