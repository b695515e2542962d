"""After a restore from a backup: what may have been sent since is unconfirmed, all else stays as it is."""

from octavo.storage.due import mark_restored
from octavo.storage.errors import transaction
from tests.integration.persister.conftest import API_SMS, Bench, accepted, later, uuid_of

STATE = "SELECT id, status, unconfirmed_at IS NOT NULL FROM notifications"


def test_only_what_may_have_been_sent_becomes_unconfirmed(engine):
    bench = Bench(engine, API_SMS)
    fresh, retried, claimed, again, delivered, withdrawn = (accepted() for _ in range(6))
    ahead, past = (accepted(send_at_micros=later(3600)) for _ in range(2))
    bench.arrives(fresh, retried, claimed, again, delivered, withdrawn, ahead, past)
    bench.step()
    for message, change in (
        (retried, "due = false, attempts = 1, next_attempt_at = now() + interval '1 hour'"),
        (claimed, "claim_token = gen_random_uuid(), claim_expires_at = now() + interval '1 minute', attempts = 1"),
        (again, "status = 'sending', attempts = 1, resend = true, next_attempt_at = now() + interval '10 seconds'"),
        (delivered, "status = 'delivered'"),
        (withdrawn, "status = 'cancelled'"),
        (past, "send_at = now() - interval '1 minute'"),
    ):
        bench.rows(f"UPDATE notifications SET {change} WHERE id = :id RETURNING 1", id=uuid_of(message))

    with transaction(engine) as connection:
        assert len(mark_restored(connection)) == 5
        assert mark_restored(connection) == []

    assert set(bench.rows(STATE)) == {
        *((uuid_of(one), "sending", True) for one in (fresh, retried, claimed, again, past)),
        (uuid_of(delivered), "delivered", False),
        (uuid_of(withdrawn), "cancelled", False),
        (uuid_of(ahead), "scheduled", False),
    }
    moves = "SELECT reason FROM notification_moves WHERE notification_id = :id AND status = 'sending'"
    assert bench.rows(moves, id=uuid_of(fresh)) == [("unconfirmed: restored from a backup",)]
