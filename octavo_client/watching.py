"""Streams that go on by themselves after an interruption."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import grpc

from octavo_client.call import LEAST_TIMEOUT, Caller, wait_before_next
from octavo_client.details import of_call
from octavo_client.errors import DeadlineExceeded, OctavoError


def resuming(
    caller: Caller,
    method: Any,
    request: Callable[[str], Any],
    *,
    token: str = "",
    token_of: Callable[[Any], str] = lambda message: str(message.resume_token),
    endless: bool,
    give_up_after: timedelta,
    timeout: timedelta | None = None,
) -> Iterator[Any]:
    """The messages of a stream; `request(token)` asks for those after the message that `token_of` was called with last.

    It goes on after an interruption, or after the end of an `endless` one, until nothing came through for
    `give_up_after`. Raises OctavoError; DeadlineExceeded once `timeout` is over.
    """
    ends = caller.clock() + timeout.total_seconds() if timeout is not None else None
    interruptions = 0
    lost_at = 0.0
    while True:
        error: OctavoError | None = None
        left = max(LEAST_TIMEOUT, ends - caller.clock()) if ends is not None else None
        call = caller.stream(method, request(token), timeout=left)
        try:
            for message in call:
                token = token_of(message)
                interruptions = 0
                yield message
            if not endless:
                return
            # A server that is stopped ends its streams; another one goes on.
        except grpc.RpcError as failure:
            error = of_call(failure)
        finally:
            call.cancel()
        now = caller.clock()
        if error is not None and not caller.may_repeat(error):
            raise error
        interruptions += 1
        lost_at = now if interruptions == 1 else lost_at
        wait = wait_before_next(interruptions, error)
        if ends is not None and now + wait >= ends:
            raise _over(error)
        if error is not None and now - lost_at >= give_up_after.total_seconds():
            raise error
        caller.sleep(wait)


def _over(last: OctavoError | None) -> DeadlineExceeded:
    """The end of the time to wait; it tells what kept the stream from going on, if that was not the time itself."""
    why = "" if last is None or isinstance(last, DeadlineExceeded) else f" ({last.message})"
    return DeadlineExceeded("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", f"the time to wait is over{why}")
