"""What a provider call ended in decides what is next."""

from octavo.domain.notification import Status
from octavo.domain.outcome import Accepted, Permanent, Refused, Temporary, Uncertain


def test_an_accepted_send_waits_for_its_receipt_unless_none_will_come():
    assert Accepted("ref").status is Status.SENDING
    assert Accepted("ref", final_without_receipt=True).status is Status.SENT


def test_only_certain_outcomes_are_refusals():
    assert isinstance(Temporary("429"), Refused)
    assert isinstance(Permanent("blocked"), Refused)
    assert not isinstance(Uncertain("timeout"), Refused)
    assert Permanent("blocked").status is Status.PERMANENT_FAILURE
