"""What the dispatcher is told, and what it refuses to be told."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import ValidationError

from octavo.domain.notification import NotificationType
from octavo.domain.retry import PROVIDER_BACKOFF
from octavo.loading import EXIT_MISCONFIGURED
from services.dispatcher.__main__ import main
from services.dispatcher.settings import DispatcherSettings


def told(**given: Any) -> DispatcherSettings:
    needed = {
        "DATABASE_URL": "postgresql://user@host/name",
        "KAFKA_BOOTSTRAP": "host:9092",
        "sealing_keys": Fernet.generate_key().decode(),
        "hash_key": "h" * 32,
    }
    return DispatcherSettings(**needed | given)


@pytest.mark.asked("S17")
def test_retries_follow_the_schedule_of_the_field_unless_told_otherwise():
    assert told().backoff() == PROVIDER_BACKOFF
    backoff = told(retry_delays="1, 2.5,30", retry_jitter=0).backoff()
    assert [backoff.after(attempt) for attempt in range(1, 5)] == [
        timedelta(seconds=1),
        timedelta(seconds=2.5),
        timedelta(seconds=30),
        None,
    ]


@pytest.mark.parametrize("region", ["XX", "gb", "", "44"])
def test_a_country_that_no_number_has_is_refused(region):
    with pytest.raises(ValidationError, match="two letters of a country"):
        told(default_region=region)


@pytest.mark.parametrize("sender", ["FifteenLetters1", "+++", "", "12", "A\nB"])
def test_a_sender_that_no_service_may_have_is_refused(sender):
    with pytest.raises(ValidationError, match="default_sms_sender"):
        told(default_sms_sender=sender)


def test_a_sender_that_a_service_may_have_will_do():
    assert [told(default_sms_sender=sender).default_sms_sender for sender in ("A.B", "447400000000")] == [
        "A.B",
        "447400000000",
    ]


@pytest.mark.parametrize("draw", [0.0, 0.25, 1.0])
def test_delays_are_spread_by_the_share_that_is_told(draw):
    wait = told(retry_delays="100", retry_jitter=0.2).backoff().after(1, draw)
    assert wait == timedelta(seconds=80 + 40 * draw)


def test_without_delays_a_send_is_tried_once():
    assert told(retry_delays="").backoff().after(1) is None


def test_providers_share_by_the_weights_that_are_told():
    settings = told(sms_providers="mmg=70, firetext=30")
    assert settings.weights(NotificationType.SMS) == {"mmg": 70, "firetext": 30}
    assert settings.weights(NotificationType.EMAIL) == {"ses": 100}


@pytest.mark.parametrize(
    "wrong",
    [
        {"retry_delays": "soon"},
        {"retry_delays": "-1"},
        {"retry_delays": "nan"},
        {"retry_delays": "604801"},
        {"retry_delays": ",".join(["1"] * 21)},
        {"retry_jitter": 1},
        {"in_flight": 0},
        {"sms_providers": ""},
        {"sms_providers": "mmg"},
        {"sms_providers": "mmg=-1"},
        {"sms_providers": "mmg=\u00b2"},
        {"sms_providers": "mmg=0,firetext=0"},
        {"sms_providers": "mmg=1,mmg=2"},
        {"sms_providers": "ses=100"},
        {"email_providers": "pigeon=100"},
        {"default_sms_sender": "<script>"},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        told(**wrong)


@pytest.mark.parametrize(
    ("weights", "asked"),
    [
        ("mmg=50,firetext=50", {"OCTAVO_MMG_PASSWORD", "OCTAVO_FIRETEXT_API_KEY"}),
        ("firetext=100", {"OCTAVO_FIRETEXT_API_KEY"}),
        ("mmg=0,firetext=1", {"OCTAVO_FIRETEXT_API_KEY"}),
    ],
)
def test_nothing_is_asked_of_a_provider_that_is_not_called(monkeypatch, capsys, weights, asked):
    for name in ("KAFKA_BOOTSTRAP", "DATABASE_URL", "OCTAVO_MMG_PASSWORD", "OCTAVO_FIRETEXT_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OCTAVO_SMS_PROVIDERS", weights)
    with pytest.raises(SystemExit) as ended:
        main(["--topics", "send-sms"])
    assert ended.value.code == EXIT_MISCONFIGURED
    told_of = capsys.readouterr().err
    assert {one for one in ("OCTAVO_MMG_PASSWORD", "OCTAVO_FIRETEXT_API_KEY") if one in told_of} == asked
    assert "OCTAVO_EMAIL_FROM" not in told_of
