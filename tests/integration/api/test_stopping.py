"""An api that is told to stop answers all that it has taken in, under load too, and whatever its clients know of its health."""

import asyncio
from collections import Counter

import grpc

from tests.waiting import until

CALLERS = 64
CONNECTIONS = 4


async def called_until_it_ends(tenant, address, stop):
    """How calls ended, each caller's one after the other, until its first that fails."""
    ends: Counter[str] = Counter()
    request = tenant.sms().SerializeToString()
    options = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))
    channels = [grpc.aio.insecure_channel(address, options=options) for _ in range(CONNECTIONS)]
    busy = asyncio.Event()

    async def caller(channel):
        call = channel.unary_unary("/octavo.v1.NotificationService/SendSms")
        while True:
            try:
                await call(request, metadata=tuple(tenant.metadata), timeout=30)
            except grpc.aio.AioRpcError as error:
                ends[error.code().name] += 1
                return
            ends["OK"] += 1
            if ends["OK"] == CALLERS * 5:
                busy.set()

    async with asyncio.TaskGroup() as group:
        for channel in channels:
            await channel.channel_ready()
        for number in range(CALLERS):
            group.create_task(caller(channels[number % CONNECTIONS]))
        await busy.wait()
        stop()
    for channel in channels:
        await channel.close()
    return ends


def test_no_call_is_lost_in_its_queue(new_tenant, more_processes, database):
    tenant = new_tenant(rate_per_minute=1_000_000, sms_daily_limit=1_000_000)
    [process] = more_processes(1)
    ends = asyncio.run(called_until_it_ends(tenant, f"127.0.0.1:{process.port}", process.process.terminate))
    process.stop()
    # Nobody is told CANCELLED: who comes later than the end is told that nobody is there, which is safe to repeat.
    assert set(ends) == {"OK", "UNAVAILABLE"}
    assert ends["UNAVAILABLE"] == CALLERS
    asked = "SELECT count(*) AS n FROM notifications WHERE service_id = :id"
    until(lambda: database.one(asked, id=tenant.service_id).n == ends["OK"])
