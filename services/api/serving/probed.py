"""The health of the API for probes: Kubernetes asks it over plain gRPC only, and without a certificate."""

import grpc
from grpc_health.v1 import health, health_pb2_grpc


async def health_alone(servicer: health.aio.HealthServicer, address: str) -> grpc.aio.Server:
    """Serves health, and nothing else, at an address of its own."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    server.add_insecure_port(address)
    await server.start()
    return server
