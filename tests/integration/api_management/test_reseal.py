import os
import signal
import subprocess
import sys
from uuid import UUID, uuid4

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from deploy.local.instance import ROOT
from octavo.crypto import Sealer
from octavo.domain.errors import Malformed
from octavo.sealedforms import AesGcmForm, FernetForm
from octavo.storage.errors import transaction
from octavo.storage.reseal import FIRST, NOTIFICATIONS, reseal_all, reseal_batch
from octavo.v1.messages_pb2 import SealedContent

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
COUNT = 1_200


@pytest.fixture
def command(stored, database_server):
    """`command(*arguments)` starts the real command with the new key in front of the old one."""

    def start(*arguments):
        environment = {
            **os.environ,
            **database_server.environment,
            "DATABASE_URL": stored.engine.url.render_as_string(hide_password=False).replace("+psycopg2", ""),
            "OCTAVO_SEALING_KEYS": f"{NEW},{OLD}",
            "PYTHONUNBUFFERED": "1",
        }
        program = [sys.executable, "-m", "octavo.storage", "reseal", *arguments]
        return subprocess.Popen(
            program, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return start


@pytest.fixture
def filled(stored):
    """Notifications and a guest, sealed with the old key."""
    ids = stored.persist(COUNT, sealed=b"to be sealed")
    sealer = Sealer([OLD])
    with transaction(stored.engine) as connection:
        connection.execute(
            text("UPDATE notifications SET sealed = :sealed WHERE id = :id"),
            [{"id": one, "sealed": content(sealer, one)} for one in ids],
        )
    service, guest = uuid4(), uuid4()
    stored.all("INSERT INTO services (id, name) VALUES (:id, 'x')", id=service)
    stored.all(
        "INSERT INTO guests (service_id, recipient_hash, guest_id, sealed) VALUES (:service, 'hash', :guest, :sealed)",
        service=service,
        guest=guest,
        sealed=content(sealer, guest),
    )
    return [*ids, guest]


def content(sealer, one):
    return sealer.seal(SealedContent(notification_id=one.bytes, recipient=f"{one}@example.com"))


def opened(stored, key):
    """The ids that this key alone opens."""
    sealer = Sealer([key])
    rows = stored.all("SELECT id, sealed FROM notifications UNION ALL SELECT guest_id, sealed FROM guests")
    found = set()
    for row in rows:
        try:
            assert sealer.open(row.id.bytes, bytes(row.sealed)).recipient == f"{row.id}@example.com"
            found.add(row.id)
        except Malformed:
            continue
    return found


def test_seals_everything_again_and_finds_nothing_to_do_the_second_time(stored, filled, command):
    first = command()
    out, error = first.communicate(timeout=60)
    assert (first.returncode, error) == (0, "")
    assert f"notifications: done, {COUNT} read, {COUNT} sealed again" in out
    assert "guests: done, 1 read, 1 sealed again" in out
    assert opened(stored, NEW) == set(filled)
    assert opened(stored, OLD) == set()
    out, _ = command().communicate(timeout=60)
    assert f"notifications: done, {COUNT} read, 0 sealed again" in out


def test_seals_again_in_the_form_that_is_configured_but_only_what_another_key_sealed(
    stored, filled, command, monkeypatch
):
    monkeypatch.setenv("OCTAVO_SEALED_FORM", "aes-gcm")
    before = Sealer([NEW])
    (current,) = stored.persist(1, sealed=b"to be sealed")
    stored.all("UPDATE notifications SET sealed = :sealed WHERE id = :id", id=current, sealed=content(before, current))
    out, _ = command().communicate(timeout=60)
    assert f"notifications: done, {COUNT + 1} read, {COUNT} sealed again" in out
    assert opened(stored, NEW) == {*filled, current}
    forms = "SELECT get_byte(sealed, 0) AS mark, count(*) AS rows FROM notifications GROUP BY 1"
    assert {bytes([row.mark]): row.rows for row in stored.all(forms)} == {AesGcmForm.mark: COUNT, FernetForm.mark: 1}
    monkeypatch.setenv("OCTAVO_SEALED_FORM", "fernet")
    out, _ = command().communicate(timeout=60)
    assert f"notifications: done, {COUNT + 1} read, 0 sealed again" in out


def test_goes_on_after_it_was_killed(stored, filled, command):
    process = command()
    for line in process.stdout:
        if line.startswith("notifications"):
            break
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    last = UUID(line.split()[-1])
    out, _ = command("--after", str(last)).communicate(timeout=60)
    assert "done" in out
    assert opened(stored, NEW) == set(filled)


def test_what_no_key_opens_is_left_and_named(stored, filled, command):
    foreign = Sealer([Fernet.generate_key().decode()])
    stored.all(
        "UPDATE notifications SET sealed = :sealed WHERE id = :id", id=filled[0], sealed=content(foreign, filled[0])
    )
    process = command()
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert error.splitlines() == [f"no key opens {filled[0]}"]
    assert opened(stored, NEW) == set(filled[1:])


def test_does_not_bring_back_what_was_erased_meanwhile(stored, filled):
    erased = min(filled[:COUNT])

    class Slow(Sealer):
        """Something is erased while the batch is being sealed again."""

        def reseal(self, sealed):
            stored.all("UPDATE notifications SET sealed = NULL, recipient_hash = NULL WHERE id = :id", id=erased)
            return super().reseal(sealed)

    batch = reseal_batch(stored.engine, Slow([NEW, OLD]), NOTIFICATIONS, FIRST, 10)
    assert batch is not None
    assert (batch.read, batch.resealed) == (10, 9)
    assert stored.all("SELECT sealed FROM notifications WHERE id = :id", id=erased)[0].sealed is None


def test_a_batch_holds_no_more_than_memory_bears(stored, monkeypatch):
    monkeypatch.setattr("octavo.storage.reseal.MOST_BYTES", 1_000)
    ids = stored.persist(20, sealed=b"x" * 300)
    sizes = [batch.read for batch in reseal_all(stored.engine, Sealer([NEW]), NOTIFICATIONS)]
    assert sizes == [3, 3, 3, 3, 3, 3, 2]
    assert len(ids) == 20
