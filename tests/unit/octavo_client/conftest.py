"""A channel without sockets: it answers calls as scripted, and remembers what was asked and when."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2 as details
from google.rpc.status_pb2 import Status

from octavo_client.call import Caller, Patience


class Failure(grpc.RpcError):
    """A failed call, as gRPC raises it."""

    def __init__(self, code, message="", *, reason=None, retry_after=None, fields=(), trailers=None):
        super().__init__(message)
        self._code, self._message, self._trailers = code, message, trailers
        if trailers is None and reason:
            status = Status(code=code.value[0], message=message)
            packed = [details.ErrorInfo(reason=reason, domain="octavo", metadata={"limit": "5"})]
            if retry_after is not None:
                delay = Duration()
                delay.FromTimedelta(timedelta(seconds=retry_after))
                packed.append(details.RetryInfo(retry_delay=delay))
            if fields:
                violations = [details.BadRequest.FieldViolation(field=f, reason=r, description=d) for f, r, d in fields]
                packed.append(details.BadRequest(field_violations=violations))
            for detail in packed:
                status.details.add().Pack(detail)
            self._trailers = (("grpc-status-details-bin", status.SerializeToString()),)

    def code(self):
        return self._code

    def details(self):
        return self._message

    def trailing_metadata(self):
        return self._trailers


class Stream:
    """Messages of a stream; an error among them breaks it."""

    def __init__(self, messages):
        self._messages = iter(messages)

    def __iter__(self):
        return self

    def __next__(self):
        message = next(self._messages)
        if isinstance(message, Exception):
            raise message
        return message

    def cancel(self):
        self._messages = iter(())


@dataclass
class Asked:
    """One attempt of a call."""

    request: Any
    timeout: float | None
    metadata: tuple[tuple[str, str], ...]
    at: float


@dataclass
class World:
    """A channel to a scripted server, with a clock that only waiting moves."""

    now: float = 0.0
    waits: list[float] = field(default_factory=list)
    answers: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    asked: dict[str, list[Asked]] = field(default_factory=lambda: defaultdict(list))
    every_call_takes: float = 0.0

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds

    def clock(self):
        return self.now

    def caller(self, **patience):
        return Caller(cast("Any", self), "the-key", Patience(**patience), sleep=self.sleep, clock=self.clock)

    def _attempt(self, name, request, timeout, metadata, request_serializer):
        # A copy, as the wire makes one.
        sent = type(request).FromString(request_serializer(request))
        self.asked[name].append(Asked(sent, timeout, metadata, self.now))
        self.now += self.every_call_takes
        return self.answers[name].pop(0)

    def unary_unary(self, path, request_serializer, response_deserializer, **_):
        name = path.rpartition("/")[2]

        def call(request, timeout=None, metadata=()):
            answer = self._attempt(name, request, timeout, metadata, request_serializer)
            if isinstance(answer, Exception):
                raise answer
            return response_deserializer(answer.SerializeToString())

        return call

    def unary_stream(self, path, request_serializer, response_deserializer, **_):
        name = path.rpartition("/")[2]

        def call(request, timeout=None, metadata=()):
            return Stream(self._attempt(name, request, timeout, metadata, request_serializer))

        return call

    def close(self):
        pass


@pytest.fixture
def world():
    return World()


@pytest.fixture
def failure():
    return Failure
