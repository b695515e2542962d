"""The api beside a bare gRPC echo with the same sizes and the same kind of server."""

from collections.abc import Callable, Iterator, Sequence

from benchmarks.amount import amount
from benchmarks.figure import Figure, alternate, median
from benchmarks.floors.echo import METHOD
from benchmarks.load import answered, offer, offered, warm
from benchmarks.processes import free_port, resident_megabytes, running
from benchmarks.stacks import batches, stack, texts
from deploy.local.probes import listening
from octavo.v1.notification_service_pb2 import SendSmsRequest, SendSmsResponse

SEND_SMS = "/octavo.v1.NotificationService/SendSms"
SEND_BATCH = "/octavo.v1.NotificationService/SendBatch"
ROUNDS = amount(9, 1)
"""Many and short: a machine that others share changes its speed from one second to the next."""
SECONDS = amount(1.5, 0.5)
TIMED_SECONDS = amount(15.0, 0.5)
BATCH = 100


def figures() -> Iterator[Figure]:
    """CPU of a call, rate, latency, batches."""
    with stack({"kafka", "postgres", "api"}) as (running_stack, known):
        pid, address, key = running_stack.pid("api"), known["OCTAVO_ADDRESS"], known["OCTAVO_API_KEY"]
        requests = [one.SerializeToString() for one in texts(known["OCTAVO_SMS_TEMPLATE_ID"])]
        in_batches = [one.SerializeToString() for one in batches(known["OCTAVO_SMS_TEMPLATE_ID"], BATCH)]
        port = free_port()
        size = len(SendSmsResponse(id="x" * 36, body="x" * 45, template_id="x" * 36).SerializeToString())
        with running(["benchmarks.floors.echo", str(port), str(size)], {}, lambda: listening(port)) as echo_pid:
            echo = f"127.0.0.1:{port}"
            warm(address, SEND_SMS, requests, key)
            warm(echo, METHOD, requests, key)
            rates: dict[str, list[float]] = {"api": [], "echo": []}

            def of(
                name: str, at: str, method: str, given: Sequence[bytes], process: int, id_field: int = 0
            ) -> Callable[[], float]:
                def once() -> float:
                    rate, cpu = offered(process, at, method, given, key=key, seconds=SECONDS, id_field=id_field)
                    rates.setdefault(name, []).append(rate)
                    return cpu

                return once

            taken = alternate(
                ROUNDS,
                echo=of("echo", echo, METHOD, requests, echo_pid),
                api=of("api", address, SEND_SMS, requests, pid),
                repeatable=of("repeatable", address, SEND_SMS, requests, pid, SendSmsRequest.REQUEST_ID_FIELD_NUMBER),
                batch=of("batch", address, SEND_BATCH, in_batches, pid),
            )
            floor = median(taken["echo"])
            yield Figure("api.send_sms.cpu", median(taken["api"]), "µs", floor, "<= 1.8")
            # What the client's every call costs: it is given a request_id.
            yield Figure("api.send_sms_repeatable.cpu", median(taken["repeatable"]), "µs", floor)
            yield Figure("api.send_sms.rate", median(rates["api"]), "/s", median(rates["echo"]), ">= 0.5")
            yield Figure("api.send_batch_of_100.cpu", median(taken["batch"]) / BATCH, "µs", floor, "<= 0.5")
            yield Figure("api.memory", resident_megabytes(pid), "MB", None, "<= 150")
            half = median(rates["api"]) / 2
            seen = answered(offer(address, SEND_SMS, requests, key=key, seconds=TIMED_SECONDS, rate=half))
            yield Figure("api.send_sms.p50_at_half_rate", seen["p50_ms"], "ms")
            yield Figure("api.send_sms.p99_at_half_rate", seen["p99_ms"], "ms", None, "<= 15")
