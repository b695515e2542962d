"""The callbacks process, and receipts as the providers send them."""

import http.client
import json
import os
import re
import socket
import subprocess
import sys
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from deploy.local.probes import listening
from octavo.domain.ids import uuid7
from tests.waiting import until

ROOT = Path(__file__).parents[3]
REGION = "eu-west-1"
TOPIC_ARN = f"arn:aws:sns:{REGION}:123456789012:octavo-tests"
CERTIFICATE_URL = f"https://sns.{REGION}.amazonaws.com/SimpleNotificationService-0a1b2c.pem"
MMG_TOKEN = "the token of MMG in these tests"
FIRETEXT_PASSWORD = "the password of Firetext in these tests"

Headers = Mapping[str, str]


def new_id() -> str:
    """A notification's id."""
    return str(uuid7(datetime.now(UTC), os.urandom(10)))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def basic(password: str, user: str = "firetext") -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}


def mmg(reference: str, status: str = "3") -> tuple[str, dict[str, str], bytes]:
    """Path, headers and body of a receipt of MMG."""
    body = {"CID": reference, "MSISDN": "447700900123", "status": status, "substatus": ""}
    return "/receipts/mmg", bearer(MMG_TOKEN), json.dumps(body).encode()


def firetext(reference: str, status: str = "0", code: str = "000") -> tuple[str, dict[str, str], bytes]:
    """Path, headers and body of a receipt of Firetext."""
    form = {"reference": reference, "mobile": "447700900123", "status": status, "code": code}
    form["time"] = "2026-03-01 12:00:00"
    headers = basic(FIRETEXT_PASSWORD) | {"Content-Type": "application/x-www-form-urlencoded"}
    return "/receipts/firetext", headers, urlencode(form).encode()


def event(reference: str, kind: str = "Delivery", **details: object) -> str:
    """An event of SES."""
    mail = {"messageId": f"0102-{reference}", "tags": {"notification_id": [reference]}}
    return json.dumps({"eventType": kind, "mail": mail, kind.lower(): {"timestamp": "2026-03-01T12:00:00Z"} | details})


class Sns:
    """SNS as AWS plays it, with a key of the tests."""

    def __init__(self, key: RSAPrivateKey, topic_arn: str = TOPIC_ARN) -> None:
        self._key = key
        self._topic_arn = topic_arn

    def post(self, message: str, **changes: str | None) -> tuple[str, dict[str, str], bytes]:
        """Path, headers and body of a signed message. What is changed is changed before it is signed; None is left out."""
        fields: dict[str, str | None] = {
            "Type": "Notification",
            "MessageId": new_id(),
            "TopicArn": self._topic_arn,
            "Subject": "Amazon SES Email Event Notification",
            "Message": message,
            "Timestamp": written(datetime.now(UTC)),
            "SignatureVersion": "2",
            "SigningCertURL": CERTIFICATE_URL,
        }
        given = {key: value for key, value in (fields | changes).items() if value is not None}
        names = (
            ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
            if given.get("Type") == "Notification"
            else ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
        )
        text = "".join(f"{name}\n{given[name]}\n" for name in names if name in given)
        signature = self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        body = json.dumps({"Signature": b64encode(signature).decode()} | given).encode()
        return "/receipts/ses", {"Content-Type": "text/plain; charset=UTF-8"}, body


def written(at: datetime) -> str:
    """A time as AWS writes it."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


class Reached(ABC):
    """A callbacks process, as providers and operators reach it."""

    def __init__(self, port: int, ops_port: int) -> None:
        self.port = port
        self.ops_port = ops_port

    @abstractmethod
    def pid(self) -> int:
        """Its process id."""

    def ask(self, path: str) -> tuple[int, str]:
        """What operators get."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ops_port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def post(self, path: str, headers: Headers, body: bytes, method: str = "POST") -> int:
        """What a provider gets."""
        return self.answer(path, headers, body, method)[0]

    def answer(self, path: str, headers: Headers, body: bytes, method: str = "POST") -> tuple[int, dict[str, str]]:
        """What a provider gets, with its headers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            answer.read()
            return answer.status, dict(answer.headers)
        finally:
            connection.close()

    def connect(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def counted(self, metric: str, **labels: str) -> float:
        """The value of a counter; 0 if it is not there."""
        wanted = set(labels.items())
        for line in self.ask("/metrics")[1].splitlines():
            name, _, rest = line.partition("{")
            if name == metric and set(re.findall(r'(\w+)="([^"]*)"', rest)) == wanted:
                return float(line.rpartition(" ")[2])
        return 0

    def megabytes(self, what: str = "VmRSS") -> float:
        """Memory that it takes now; with VmHWM the most that it ever took."""
        told = Path(f"/proc/{self.pid()}/status").read_text()
        return int(re.findall(rf"^{what}:\s+(\d+) kB", told, flags=re.MULTILINE)[0]) / 1024


class Callbacks(Reached):
    """The process `python -m services.callbacks`, started by a test."""

    def __init__(self, folder: Path, certificate: Path, environment: Mapping[str, str], roles: str) -> None:
        super().__init__(_free_port(), _free_port())
        self._log = folder / f"callbacks-{self.port}.log"
        self._command = [sys.executable, "-m", "services.callbacks", "--roles", roles]
        self._environment = {
            **os.environ,
            "OCTAVO_RECEIPTS_PORT": str(self.port),
            "OCTAVO_OPS_PORT": str(self.ops_port),
            "OCTAVO_MMG_RECEIPT_TOKEN": MMG_TOKEN,
            "OCTAVO_FIRETEXT_RECEIPT_TOKEN": FIRETEXT_PASSWORD,
            "OCTAVO_AWS_REGION": REGION,
            "OCTAVO_SNS_TOPIC_ARNS": TOPIC_ARN,
            "OCTAVO_SNS_CERTIFICATE_FILE": str(certificate),
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, ready: bool = True) -> None:
        """Starts it, and returns once it answers; and is ready, if that is asked for."""
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until(lambda: self._answers("/readyz" if ready else "/livez") and listening(self.port), 60)

    def stop(self) -> int:
        """Ends it as a deployment does; its status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(60)

    def pid(self) -> int:
        """Its process id."""
        assert self.process is not None
        return self.process.pid

    def _answers(self, path: str) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self._log.read_text()
        try:
            return self.ask(path)[0] == 200
        except OSError:
            return False


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
