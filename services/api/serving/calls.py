"""What surrounds every call: authentication, parsing, metrics, and errors turned into answers.

It wraps the handlers where they are registered, not as interceptors: those cost a coroutine and a look-up more for every call.
A handler gets its request parsed and its caller from `services.api.serving.caller`, and raises the errors of the domain.
"""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from time import perf_counter
from typing import Any, TypeVar
from uuid import UUID

import grpc
import structlog
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from octavo.domain.errors import Forbidden, OctavoError, Reason
from octavo.telemetry.requests import CODES, Requests
from services.api.parsing import parse
from services.api.serving import errors
from services.api.serving.answers import Answers
from services.api.serving.authentication import Authenticator
from services.api.serving.caller import Caller, CallerKind, enter
from services.api.serving.turns import Turns
from services.api.shares import Shares

log = structlog.get_logger()
T = TypeVar("T")

OF_STRANGERS = ("UNAUTHENTICATED", "PERMISSION_DENIED", "UNAVAILABLE", "CANCELLED", "INTERNAL")
"""How calls end that are let in by nobody."""

Context = grpc.aio.ServicerContext[Any, Any]


def handlers(
    descriptor: ServiceDescriptor,
    servicer: object,
    authenticator: Authenticator,
    callers: frozenset[CallerKind],
    answers: Answers,
    turns: Turns,
    shares: Shares,
) -> grpc.GenericRpcHandler:
    """The handlers of a service: each of its methods that the servicer has, for these kinds of callers."""
    made: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
    for method in descriptor.methods:
        behaviour = getattr(servicer, method.name, None)
        if behaviour is None:
            continue
        call = _Call(method, behaviour, authenticator, callers, answers, turns, shares)
        serialise = GetMessageClass(method.output_type).SerializeToString
        if method.server_streaming:
            made[method.name] = grpc.unary_stream_rpc_method_handler(call.stream, None, serialise)
        elif method.client_streaming:
            made[method.name] = grpc.stream_unary_rpc_method_handler(call.answering(call.each), None, serialise)
        else:
            made[method.name] = grpc.unary_unary_rpc_method_handler(call.answering(call.parse), None, serialise)
    return grpc.method_handlers_generic_handler(descriptor.full_name, made)


class _Call:
    """One method, surrounded."""

    def __init__(
        self,
        method: MethodDescriptor,
        behaviour: Callable[..., Any],
        authenticator: Authenticator,
        callers: frozenset[CallerKind],
        answers: Answers,
        turns: Turns,
        shares: Shares,
    ) -> None:
        self._answers = answers
        self._turns = turns
        self._shares = shares
        self._name = method.full_name
        self._request: type[Message] = GetMessageClass(method.input_type)
        self._nothing = GetMessageClass(method.output_type)()
        self._behaviour = behaviour
        self._authenticator = authenticator
        self._callers = callers
        # Only what can be: a scrape takes as long as there are series.
        codes = {kind: CODES if kind in callers else OF_STRANGERS for kind in CallerKind}
        self._requests: Mapping[str, Requests] = {
            kind.value: Requests(
                method.containing_service.full_name,
                method.name,
                kind.value,
                module=behaviour.__module__,
                function=behaviour.__qualname__,
                kind=_kind(method),
                codes=codes[kind],
            )
            for kind in CallerKind
        }

    def parse(self, data: bytes) -> Message:
        """A request. Raises Invalid as services.api.parsing does."""
        return parse(self._request, data)

    async def each(self, parts: AsyncIterator[bytes]) -> AsyncIterator[Message]:
        """A stream of requests."""
        async for part in parts:
            yield parse(self._request, part)

    def answering(self, read: Callable[[T], object]) -> Callable[[T, Context], Awaitable[Message]]:
        """What answers a call whose requests are read so, or says what is wrong.

        A plain function: gRPC asks of what kind it is at every call, and needs three calls more to find out of a method.
        """
        answers, turns, shares = self._answers, self._turns, self._shares
        authenticator, behaviour = self._authenticator, self._behaviour

        async def answer(given: T, context: Context) -> Message:
            start = perf_counter()
            answers.begun += 1
            requests = counted = None
            code = "CANCELLED"
            response: Message
            try:
                turn = turns.begin()
                if turn is not None:
                    await turn
                metadata = context.invocation_metadata() or ()
                caller = authenticator.again(metadata) or await authenticator.caller(metadata)
                requests = self._requests[caller.kind]
                requests.started()
                counted = self._admit(caller)
                response = await behaviour(read(given), context)
                code = "OK"
            except Exception as error:  # noqa: BLE001 - every kind has its answer, and none goes to the client as it is
                code = self._refuse(error, context)
                response = self._nothing
            finally:
                turns.end()
                if counted is not None:
                    shares.end(counted)
                (requests or self._refused()).handled(code, perf_counter() - start)
            if answers.held is not None:
                await answers.held.wait()
            return response

        return answer

    async def stream(self, data: bytes, context: Context) -> AsyncIterator[Message]:
        """Answers a call with a stream, which ends early if something is wrong."""
        start = perf_counter()
        self._answers.begun += 1
        requests = counted = None
        code = "CANCELLED"
        try:
            caller = await self._authenticator.caller(context.invocation_metadata() or ())
            requests = self._requests[caller.kind]
            requests.started()
            counted = self._admit(caller)
            # Closed at once when the client goes away, not when it is found as garbage.
            async with aclosing(self._behaviour(self.parse(data), context)) as responses:
                async for response in responses:
                    yield response
            code = "OK"
        except Exception as error:  # noqa: BLE001 - as above
            code = self._refuse(error, context)
        finally:
            if counted is not None:
                self._shares.end(counted)
            (requests or self._refused()).handled(code, perf_counter() - start)

    def _refused(self) -> Requests:
        """The metrics of a call that ends before anybody knows who calls: it is begun and ended at once."""
        requests = self._requests[CallerKind.NOBODY]
        requests.started()
        return requests

    def _admit(self, caller: Caller) -> UUID | None:
        """Lets the caller in; the service whose share the call is of, if one calls.

        Raises Forbidden if the call is not for such callers, LimitExceeded if the service has its share already.
        """
        if caller.kind not in self._callers:
            needed = "the admin key" if CallerKind.ADMIN in self._callers else "an API key of a service"
            raise Forbidden(Reason.FORBIDDEN, f"this call needs {needed}")
        enter(caller)
        if caller.service is None:
            return None
        self._shares.begin(caller.service.id)
        return caller.service.id

    def _refuse(self, error: Exception, context: Context) -> str:
        """Sets how the call ends; the name of its code.

        Not by `context.abort`: its exception and the context refer to each other, which would keep the request, however large,
        in memory until a late garbage collection.
        """
        answer = self._answer(error)
        context.set_code(answer.code)
        context.set_details(answer.message)
        context.set_trailing_metadata(answer.trailers)
        return answer.code.name

    def _answer(self, error: Exception) -> errors.Answer:
        if isinstance(error, OctavoError):
            answer = errors.answer(error)
            if answer.code is not grpc.StatusCode.INTERNAL:
                return answer
        error_id = secrets.token_hex(8)
        log.error("internal error", method=self._name, error_id=error_id, exc_info=error)
        return errors.internal(error_id)


def _kind(method: MethodDescriptor) -> str:
    if method.server_streaming:
        return "server_stream"
    return "client_stream" if method.client_streaming else "unary"
