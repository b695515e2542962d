"""The stack for one machine, with its real Kafka and PostgreSQL."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from deploy.local.control import StackFailed
from deploy.local.instance import CACHE, ROOT
from deploy.local.processes import alive, with_descendants
from deploy.local.stack import Stack
from tests.waiting import until


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory for an instance, within reach of PostgreSQL's user."""
    path = CACHE / f"test-{uuid.uuid4().hex[:12]}"
    yield path
    Stack(path).stop(wipe=True)
    assert not path.exists()


def processes(stack: Stack) -> set[int]:
    return {member for status in stack.statuses() if status.pid for member in with_descendants(status.pid)}


def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
        found = cursor.fetchall() if cursor.description else []
    connection.close()
    return found


def publish(bootstrap: str, topic: str, values: list[bytes]) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    for future in [producer.send(topic, value) for value in values]:
        future.get(timeout=30)
    producer.close()


def read(bootstrap: str, topic: str) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest")
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    end = consumer.end_offsets([partition])[partition]
    values: list[bytes] = []
    while consumer.position(partition) < end:
        values += [record.value for batch in consumer.poll(500).values() for record in batch]
    consumer.close()
    return values


def create_topic(bootstrap: str, name: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics({name: {"num_partitions": 1, "replication_factor": 1}})
    admin.close()


def test_two_instances_run_beside_each_other_and_leave_nothing_behind(directory):
    parts = {"postgres", "s3"}
    with Stack(directory / "one", parts) as one, Stack(directory / "two", parts) as two:
        rows(one.database_url, "CREATE TABLE only_in_one (x int)")
        assert rows(one.database_url, "SELECT to_regclass('only_in_one') IS NOT NULL") == [(True,)]
        assert rows(two.database_url, "SELECT to_regclass('only_in_one') IS NOT NULL") == [(False,)]
        assert not set(one.addresses.values()) & set(two.addresses.values())
        running = processes(one) | processes(two)
        assert len(running) > 4
    assert not {pid for pid in running if alive(pid)}
    assert not (directory / "one").exists()


def test_a_killed_broker_comes_back_at_its_address_with_all_that_it_acknowledged(directory):
    values = [b"%d" % number for number in range(200)]
    with Stack(directory, {"kafka"}, restart=False) as stack:
        create_topic(stack.kafka_bootstrap, "kept")
        publish(stack.kafka_bootstrap, "kept", values)
        address, pid = stack.kafka_bootstrap, stack.pid("kafka")

        stack.kill("kafka", signal.SIGKILL)
        with pytest.raises(StackFailed):
            stack.pid("kafka")
        stack.start_program("kafka")

        assert stack.kafka_bootstrap == address
        assert stack.pid("kafka") != pid
        assert read(address, "kept") == values


def test_a_program_that_dies_is_started_again(directory):
    with Stack(directory, {"postgres"}) as stack:
        pid = stack.pid("postgres")
        stack.kill("postgres")
        stack.wait_ready("postgres")
        until(lambda: stack.statuses()[0].pid not in {None, pid})


def test_data_and_ports_outlast_a_stop(directory):
    stack = Stack(directory, {"postgres"}, keep=True)
    with stack:
        rows(stack.database_url, "CREATE TABLE kept AS SELECT 7 AS x")
        url = stack.database_url
    assert [(status.state, status.ready) for status in stack.statuses()] == [("STOPPED", False)]
    with stack:
        assert stack.database_url == url
        assert rows(url, "SELECT x FROM kept") == [(7,)]


def test_a_paused_database_goes_on_where_it_was(directory):
    with Stack(directory, {"postgres"}) as stack:
        stack.pause("postgres")
        assert not stack.statuses()[0].ready
        stack.resume("postgres")
        stack.wait_ready("postgres")


def test_stops_programs_that_are_frozen(directory):
    with Stack(directory, {"postgres"}) as stack:
        stack.pause("postgres")
        running = processes(stack)
    assert not {pid for pid in running if alive(pid)}


def test_missing_topics_do_not_come_into_being(directory):
    with Stack(directory, {"kafka"}) as stack:
        producer = KafkaProducer(bootstrap_servers=stack.kafka_bootstrap, max_block_ms=1000)
        with pytest.raises(Exception, match=r"(?i)topic|metadata"):
            producer.send("misspelt", b"x").get(timeout=5)
        producer.close()
        admin = KafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap)
        assert "misspelt" not in admin.list_topics()
        admin.close()


def test_secrets_are_for_the_owner_alone(directory):
    with Stack(directory, {"postgres"}) as stack:
        stack.write_client_environment(directory / "env")
        password = stack.instance.secrets["database_password"]
        open_to_others = [
            file
            for file in directory.rglob("*")
            if file.is_file() and file.stat().st_mode & 0o077 and _holds(file, password)
        ]
        assert open_to_others == []
        assert (directory / "env").stat().st_mode & 0o777 == 0o600


def _holds(file: Path, text: str) -> bool:
    return text.encode() in file.read_bytes()


def test_everything_stops_when_its_owner_is_killed(directory):
    program = f"""
import sys, time
from pathlib import Path
from deploy.local.stack import Stack
from tests.waiting import until
with Stack(Path({str(directory)!r}), {{"postgres", "s3"}}, keep=True):
    print("ready", flush=True)
    time.sleep(60)
"""
    owner = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "ready\n"
        running = processes(Stack(directory))
        assert running
        owner.kill()
    until(lambda: not {pid for pid in running if alive(pid)})


def test_everything_dies_with_a_killed_program_manager(directory):
    with Stack(directory, {"postgres", "s3"}) as stack:
        running = processes(stack)
        os.kill(int((stack.instance.run / "supervisord.pid").read_text()), signal.SIGKILL)
        until(lambda: not {pid for pid in running if alive(pid)})


def test_a_failed_start_leaves_nothing_running_and_says_which_log_to_read(directory):
    stack = Stack(directory, {"postgres"}, keep=True)
    with stack:
        pass
    (directory / "postgres" / "data" / "postgresql.conf").write_text("no_such_setting = on\n")
    with pytest.raises(StackFailed) as failed:
        stack.start(20)
    assert failed.value.part == "postgres"
    assert "no_such_setting" in failed.value.log.read_text()
    assert [status.state for status in stack.statuses()] == ["STOPPED"]


def test_a_program_that_was_started_a_moment_ago_stops_when_told(directory):
    with Stack(directory, {"postgres"}) as stack:
        stack.stop_program("postgres")
        for _ in range(30):
            stack.start_program("postgres", ready=False)
            stack.stop_program("postgres", 10)


def test_an_interrupted_up_leaves_nothing_running(directory):
    # The last of them waits for the others, so that there is time to interrupt.
    parts = "kafka,postgres,api,persister"
    up = [sys.executable, "-m", "deploy.local", "up", "--directory", str(directory), "--parts", parts]
    # Where the tests themselves run in the background, interrupts are ignored, and so would be those of a child.
    command = ["env", "--default-signal=INT", *up]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as starting:
        stack = Stack(directory)
        until(lambda: any(status.pid for status in stack.statuses()))
        running = processes(stack)
        starting.send_signal(signal.SIGINT)
        assert starting.wait(30) != 0
    assert running
    assert not {pid for pid in running if alive(pid)}
    assert not [status for status in stack.statuses() if status.pid]


def test_an_interrupted_start_of_a_passing_stack_leaves_nothing_at_all(directory):
    using = "import sys; from pathlib import Path; from deploy.local.stack import Stack\n"
    using += "with Stack(Path(sys.argv[1]), {'kafka', 'postgres', 'api'}): pass"
    command = ["env", "--default-signal=INT", sys.executable, "-c", using, str(directory)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as starting:
        stack = Stack(directory)
        until(lambda: any(status.pid for status in stack.statuses()))
        starting.send_signal(signal.SIGINT)
        assert starting.wait(30) != 0
    assert not directory.exists()


def test_up_status_and_down_on_the_command_line(directory):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "deploy.local", *arguments, "--directory", str(directory)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert run("status").returncode == 1
    assert run("up", "--parts", "postgres").returncode == 0
    assert run("up", "--parts", "postgres").returncode == 0, "a second time nothing is left to do"
    assert run("status").returncode == 0
    assert "ready to accept connections" in run("logs", "--part", "postgres").stdout
    unknown = run("logs", "--part", "nope")
    assert (unknown.returncode, "no log of nope; there are: " in unknown.stderr) == (1, True)
    assert "postgres" in unknown.stderr
    variables = dict(line.split("=", 1) for line in (directory / "env").read_text().splitlines())
    assert rows(variables["DATABASE_URL"], "SELECT 1") == [(1,)]
    assert run("down").returncode == 0
    assert run("status").returncode == 1
    assert run("down", "--wipe").returncode == 0
    assert not directory.exists()


def test_existing_kafka_and_database_are_used_instead_of_own_ones(directory, monkeypatch):
    monkeypatch.setenv("OCTAVO_EXTERNAL_KAFKA", "kafka.example:9092")
    monkeypatch.setenv("OCTAVO_EXTERNAL_DATABASE", "postgresql://octavo@database.example/octavo")
    with Stack(directory, {"kafka", "postgres", "s3"}) as stack:
        assert [status.name for status in stack.statuses()] == ["s3"]
        assert stack.environment["KAFKA_BOOTSTRAP"] == "kafka.example:9092"
        assert stack.environment["DATABASE_URL"] == "postgresql://octavo@database.example/octavo"


@pytest.mark.skipif(os.getuid() != 0, reason="only root runs PostgreSQL as another user")
def test_postgres_runs_where_only_root_may_go(tmp_path):
    closed = tmp_path / ("x" * 100) / "closed"
    closed.mkdir(parents=True)
    closed.chmod(0o700)
    with Stack(closed / "instance", {"postgres"}) as stack:
        elsewhere = stack.instance.elsewhere
        assert rows(stack.database_url, "SELECT 1") == [(1,)]
        assert elsewhere.exists()
    assert not elsewhere.exists()
    assert not stack.instance.socket.parent.exists()


def test_a_database_of_a_test_is_its_own(database_url, empty_database_url):
    assert rows(database_url, "SELECT count(*) FROM notifications") == [(0,)]
    assert rows(empty_database_url, "SELECT to_regclass('notifications')") == [(None,)]


def test_a_topic_of_a_test_is_its_own(kafka_bootstrap, new_topic):
    first, second = new_topic(), new_topic()
    publish(kafka_bootstrap, first, [b"x"])
    assert read(kafka_bootstrap, first) == [b"x"]
    assert read(kafka_bootstrap, second) == []
