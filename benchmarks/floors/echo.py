"""A bare gRPC server: answers each call with the same bytes. `python -m benchmarks.floors.echo PORT ANSWER_BYTES`."""

import asyncio
import sys
from typing import Any

import grpc
import uvloop

METHOD = "/octavo.benchmarks.Echo/Echo"


async def serve(port: int, answer: bytes) -> None:
    """Serves until ended, with the same kind of server as the api."""

    async def echo(_request: bytes, _context: object) -> bytes:
        return answer

    server = grpc.aio.server()
    handler: Any = grpc.unary_unary_rpc_method_handler(echo)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("octavo.benchmarks.Echo", {"Echo": handler})])
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), b"x" * int(sys.argv[2])))
