"""The image, built without an engine, runs every service as another user on a read-only file system."""

import os
import signal
import subprocess
import urllib.error
import urllib.request

import pytest
from cryptography.fernet import Fernet

from tests.integration.transport.conftest import free_port
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

READY_SECONDS = 60
SERVICES = ("api", "persister", "dispatcher", "callbacks")


def _run(image, *command, **variables):
    whole = image.command(command, variables, read_only=True)
    return subprocess.run(whole, capture_output=True, text=True, check=False, timeout=60)


def _python(image, code):
    return _run(image, "python", "-c", code)


def test_runs_as_another_user(image):
    assert _python(image, "import os; print(os.getuid(), os.getgid(), os.getgroups())").stdout == "10001 10001 []\n"


def test_the_root_file_system_can_be_read_only(image):
    done = _python(image, "open('/app/octavo/new', 'w')")
    assert "Read-only file system" in done.stderr
    assert _python(image, "open('/tmp/new', 'w')").returncode == 0


@pytest.mark.parametrize("module", ["pytest", "mypy", "moto", "deploy"])
def test_has_nothing_of_development(image, module):
    assert "ModuleNotFoundError" in _python(image, f"import {module}").stderr


def test_what_runs_is_compiled_already(image):
    code = "import octavo.process as it; print(it.__cached__, __import__('os').path.exists(it.__cached__))"
    assert _python(image, code).stdout.startswith("/app/octavo/__pycache__")
    assert _python(image, code).stdout.endswith("True\n")


@pytest.mark.parametrize("service", SERVICES)
def test_misconfigured_services_say_what_is_missing(image, service):
    done = _run(image, "python", "-m", f"services.{service}")
    assert done.returncode == 78
    assert "KAFKA_BOOTSTRAP: is not set" in done.stderr


@pytest.fixture
def variables(database_url, kafka_bootstrap):
    return {
        "DATABASE_URL": database_url,
        "KAFKA_BOOTSTRAP": kafka_bootstrap,
        "OCTAVO_SEALING_KEYS": Fernet.generate_key().decode(),
        "OCTAVO_HASH_KEY": "h" * 32,
        "OCTAVO_ADMIN_KEY": "a" * 32,
        "OCTAVO_API_PORT": str(free_port()),
        "OCTAVO_RECEIPTS_PORT": str(free_port()),
        "OCTAVO_OPS_PORT": str(free_port()),
        "OCTAVO_AWS_REGION": "eu-west-1",
        "OCTAVO_S3_BUCKET": "files",
        "OCTAVO_EMAIL_FROM": "octavo@octavo.example",
        "OCTAVO_MMG_URL": "http://127.0.0.1:9/mmg",
        "OCTAVO_MMG_USERNAME": "octavo",
        "OCTAVO_MMG_PASSWORD": "p",
        "OCTAVO_MMG_RECEIPT_TOKEN": "t" * 16,
        "OCTAVO_FIRETEXT_URL": "http://127.0.0.1:9/firetext",
        "OCTAVO_FIRETEXT_API_KEY": "k",
        "OCTAVO_FIRETEXT_RECEIPT_TOKEN": "t" * 16,
        "OCTAVO_SNS_TOPIC_ARNS": "arn:aws:sns:eu-west-1:000000000000:events",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _status(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


@pytest.fixture
def topics_made(image, variables):
    done = _run(image, "python", "-m", "octavo.messaging", "create-topics", **variables)
    assert done.returncode == 0, done.stderr


@pytest.mark.asked("C6")
@pytest.mark.parametrize("service", SERVICES)
def test_every_service_gets_ready_and_ends_well(image, variables, topics_made, service, tmp_path):
    assert _run(image, "python", "-m", "octavo.storage", "check", **variables).returncode == 0
    command = image.command(["python", "-m", f"services.{service}"], variables, read_only=True)
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=os.environ)
    try:
        until(
            lambda: _status(variables["OCTAVO_OPS_PORT"], "/readyz") == 200 or process.poll() is not None, READY_SECONDS
        )
        assert process.poll() is None, (tmp_path / "log").read_text()
        assert _status(variables["OCTAVO_OPS_PORT"], "/metrics") == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, (tmp_path / "log").read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)
