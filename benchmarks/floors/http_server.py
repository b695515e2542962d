"""A bare HTTP server of the same framework: reads the body, answers 200. `python -m benchmarks.floors.http_server PORT`."""

import asyncio
import sys

import uvloop
from aiohttp import web


async def serve(port: int) -> None:
    """Serves until ended."""

    async def answer(request: web.BaseRequest) -> web.Response:
        await request.read()
        return web.Response()

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
