"""The gRPC server, as a part of the process: it starts before Kafka is there, and drains without an error to any client."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

import grpc
import structlog
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from octavo.listening import listening
from services.api.serving.answers import Answers
from services.api.serving.authentication import Authenticator
from services.api.serving.caller import CallerKind
from services.api.serving.calls import handlers
from services.api.serving.probed import health_alone
from services.api.serving.tls import credentials
from services.api.serving.turns import Turns
from services.api.settings import ApiSettings
from services.api.shares import share_of_calls

log = structlog.get_logger()

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
MAX_METADATA_BYTES = 256 * 1024
"""Far above any key, so that a monstrous one is refused as a wrong one is."""
GRACE_SECONDS = 25.0
READY_SECONDS = 0.05
TELLING_SECONDS = 0.02
"""How long the answers that are held wait for what tells clients to go elsewhere."""
PATIENCE_SECONDS = 5.0
"""How long a process that starts waits for what it needs before it listens nevertheless, and refuses."""


@dataclass(frozen=True, slots=True)
class Served:
    """A service: what it is called, who answers, and who may call."""

    descriptor: ServiceDescriptor
    servicer: object
    callers: frozenset[CallerKind] = frozenset({CallerKind.API})


class GrpcServer:
    """Serves until drained. Its health tells whether what it needs is there."""

    name = "grpc"

    def __init__(
        self,
        settings: ApiSettings,
        authenticator: Authenticator,
        services: Sequence[Served],
        unready: Callable[[], str | None],
    ) -> None:
        self._settings = settings
        self._services = services
        self._answers = Answers()
        turns, shares = Turns(), share_of_calls(settings.most_calls)
        # Made at once, so that the metrics of every method are there before the first call.
        self._handlers = [
            handlers(served.descriptor, served.servicer, authenticator, served.callers, self._answers, turns, shares)
            for served in services
        ]
        self._unready = unready
        self._health = health.aio.HealthServicer()
        self._server: grpc.aio.Server | None = None
        self._probed: grpc.aio.Server | None = None
        self._watch: asyncio.Task[None] | None = None
        self.port = 0

    async def start(self) -> None:
        """Listens."""
        server = grpc.aio.server(options=_options(self._settings), maximum_concurrent_rpcs=self._settings.most_calls)
        server.add_generic_rpc_handlers(self._handlers)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        await self._health.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
        if self._settings.reflection:
            names = [served.descriptor.full_name for served in self._services]
            reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
        address = f"{self._settings.api_host}:{self._settings.api_port}"
        secure = credentials(self._settings.tls_files())
        with listening("OCTAVO_API_HOST, OCTAVO_API_PORT", self._settings.api_host, self._settings.api_port):
            self.port = server.add_secure_port(address, secure) if secure else server.add_insecure_port(address)
        await self._wait_for_what_it_needs()
        await server.start()
        if self._settings.health_port:
            with listening("OCTAVO_HEALTH_PORT", self._settings.ops_host, self._settings.health_port):
                self._probed = await health_alone(
                    self._health, f"{self._settings.ops_host}:{self._settings.health_port}"
                )
        self._server = server
        self._watch = asyncio.create_task(self._tell_health())
        log.info("serving", address=self._settings.api_host, port=self.port)

    def unready(self) -> str | None:
        """Nothing of its own: what it needs is in the other parts."""
        return None if self._server is not None else "not listening"

    async def drain(self) -> None:
        """Says that it stops, takes nothing new, and finishes the calls under way."""
        if self._watch:
            self._watch.cancel()
        await self._health.enter_graceful_shutdown()
        await asyncio.sleep(self._settings.drain_delay_seconds)
        if self._server:
            await self._answers.hold()
            stopping = asyncio.create_task(self._server.stop(GRACE_SECONDS))
            # By then it has told its clients.
            await asyncio.sleep(TELLING_SECONDS)
            self._answers.release()
            await stopping
        if self._probed:
            await self._probed.stop(0)

    async def _wait_for_what_it_needs(self) -> None:
        # Clients call as soon as they can connect: most starts need not refuse a single one.
        deadline = monotonic() + PATIENCE_SECONDS
        while self._unready() and monotonic() < deadline:  # noqa: ASYNC110 - the parts are asked, they tell nobody
            await asyncio.sleep(READY_SECONDS)

    async def _tell_health(self) -> None:
        """Until what it needs is there for the first time: later absences are each call's own answer."""
        while self._unready():  # noqa: ASYNC110 - the parts are asked, they tell nobody
            await asyncio.sleep(READY_SECONDS)
        for name in ("", *(served.descriptor.full_name for served in self._services)):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)


def _options(settings: ApiSettings) -> list[tuple[str, int]]:
    age = settings.connection_age_seconds * 1000
    return [
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_metadata_size", MAX_METADATA_BYTES),
        ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
        ("grpc.so_reuseport", 0),
        ("grpc.max_connection_age_ms", age),
        ("grpc.max_connection_age_grace_ms", int(GRACE_SECONDS * 1000)),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        # Clients may ping this often, also without a call under way.
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
    ]
