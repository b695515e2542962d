"""A real gRPC server on a loopback port, whose answers each test scripts, and clients of it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from typer.testing import CliRunner

import octavo_client
from octavo.v1 import (
    api_key_service_pb2_grpc,
    job_service_pb2_grpc,
    notification_service_pb2_grpc,
    registry_service_pb2_grpc,
    template_service_pb2_grpc,
)
from octavo_cli.app import app
from services.api.serving import errors

_SERVICES = (
    (notification_service_pb2_grpc, "NotificationService"),
    (template_service_pb2_grpc, "TemplateService"),
    (registry_service_pb2_grpc, "RegistryService"),
    (api_key_service_pb2_grpc, "ApiKeyService"),
    (job_service_pb2_grpc, "JobService"),
)


class Server:
    """Answers the methods that it is given: functions of request and context, by name."""

    def __init__(self):
        self.methods = {}
        self.keys = []
        self.port = 0
        self._server = None

    @property
    def address(self):
        return f"localhost:{self.port}"

    def start(self, credentials=None):
        self._server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
        for module, name in _SERVICES:
            base = getattr(module, f"{name}Servicer")
            methods = {method: self._method(method) for method in vars(base) if not method.startswith("_")}
            getattr(module, f"add_{name}Servicer_to_server")(type(name, (base,), methods)(), self._server)
        where = f"localhost:{self.port}"
        if credentials:
            self.port = self._server.add_secure_port(where, credentials)
        else:
            self.port = self._server.add_insecure_port(where)
        self._server.start()

    def stop(self):
        if self._server:
            self._server.stop(0).wait(10)

    def _method(self, name):
        def answer(_, request, context):
            self.keys.append(dict(context.invocation_metadata()).get("authorization"))
            if name not in self.methods:
                context.abort(grpc.StatusCode.UNIMPLEMENTED, name)
            return self.methods[name](request, context)

        return answer


@pytest.fixture
def server():
    server = Server()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def octavo(server):
    with octavo_client.Client(server.address, "the-key") as client:
        yield client


@pytest.fixture
def admin(server):
    with octavo_client.AdminClient(server.address, "the-admin-key") as client:
        yield client


@pytest.fixture
def refuse():
    """Fails a call with an error of the domain, exactly as the api does."""

    def fail(context, error):
        answer = errors.answer(error)
        context.set_trailing_metadata(answer.trailers)
        context.abort(answer.code, answer.message)

    return fail


@pytest.fixture
def hang():
    """Leaves a call without an answer until its client has gone."""

    def wait(context):
        gone = threading.Event()
        if context.add_callback(gone.set):
            gone.wait(30)

    return wait


@pytest.fixture
def cli(server, tmp_path):
    """Runs the command line against the server."""

    def run(*words, stdin=None, **environment):
        known = {
            "HOME": str(tmp_path),
            "OCTAVO_ADDRESS": server.address,
            "OCTAVO_API_KEY": "the-key",
            "OCTAVO_ADMIN_KEY": "the-admin-key",
            "OCTAVO_CONFIG": None,
            "XDG_CONFIG_HOME": None,
            "OCTAVO_TLS": None,
            "OCTAVO_TLS_NAME": None,
            "OCTAVO_TLS_CERTIFICATE": None,
            "OCTAVO_TLS_KEY": None,
            "COLUMNS": "200",
            **environment,
        }
        return CliRunner().invoke(app, [str(word) for word in words], input=stdin, env=known, catch_exceptions=False)

    return run
