"""Variables that nothing reads, though their names are nearly those of settings."""

import re
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from structlog.testing import capture_logs

from octavo import loading
from octavo.config import OpsSettings, SealingSettings
from octavo.loading import load
from octavo.misspelt import misspelt
from octavo.process import _tell_of_the_unread

PAGE = Path(__file__).parents[2] / "docs/operations/configuration.md"
SERVICES = ("api", "persister", "dispatcher", "callbacks")
READ_BY = {
    name: SERVICES if readers == "all" else tuple(readers.split(", "))
    for name, readers in re.findall(r"^\| `([A-Z_]+)` \|[^|]*\| ([a-z, ]+) \|", PAGE.read_text(), re.MULTILINE)
}
"""Every variable, and the services that read it."""


@pytest.fixture
def environment(monkeypatch):
    for name in (*READ_BY, "OCTAVO_SECRETS_DIR"):
        monkeypatch.delenv(name, raising=False)
    yield monkeypatch
    loading.unread.clear()


def test_a_name_with_a_slip_is_found():
    given = ["OCTAVO_SEALD_FORM", "OCTAVO_DEFAULTREGION", "OCTAVO_RETRY_DELAY", "OCTAVO_OPS_PORT", "PATH"]
    assert misspelt(given, READ_BY) == {
        "OCTAVO_SEALD_FORM": "OCTAVO_SEALED_FORM",
        "OCTAVO_DEFAULTREGION": "OCTAVO_DEFAULT_REGION",
        "OCTAVO_RETRY_DELAY": "OCTAVO_RETRY_DELAYS",
    }


def test_what_is_set_as_it_should_be_is_not_asked_for():
    assert misspelt(["OCTAVO_SEALD_FORM", "OCTAVO_SEALED_FORM"], READ_BY) == {}


@pytest.mark.parametrize("service", SERVICES)
def test_the_names_of_other_services_are_not_taken_for_slips(service):
    read = {name for name, readers in READ_BY.items() if service in readers}
    of_clients = {"OCTAVO_ADDRESS", "OCTAVO_API_KEY", "OCTAVO_ADMIN_KEY", "OCTAVO_TLS", "OCTAVO_TLS_NAME"}
    assert len(read) > 10
    assert misspelt((READ_BY.keys() | of_clients) - read, read) == {}


def test_what_is_missing_is_reported_with_what_may_have_been_meant_for_it(environment, capsys):
    environment.setenv("OCTAVO_HASH_KEYS", "not-to-be-shown")
    with pytest.raises(SystemExit):
        load(SealingSettings)
    report = capsys.readouterr().err
    assert "OCTAVO_HASH_KEY: is not set" in report
    assert "OCTAVO_HASH_KEYS: nothing reads it; OCTAVO_HASH_KEY is read" in report
    assert "not-to-be-shown" not in report


def test_a_process_that_can_do_without_it_says_so(environment, tmp_path):
    environment.setenv("OCTAVO_SEALING_KEYS", Fernet.generate_key().decode())
    environment.setenv("OCTAVO_HASH_KEY", "k" * 32)
    environment.setenv("OCTAVO_SECRETS_DIR", str(tmp_path))
    # Mounted, not set.
    (tmp_path / "OCTAVO_SEALEDFORM").write_text("aes-gcm")
    load(OpsSettings, SealingSettings)
    with capture_logs() as said:
        _tell_of_the_unread()
    assert said == [
        {
            "event": "nothing reads this variable",
            "variable": "OCTAVO_SEALEDFORM",
            "read": "OCTAVO_SEALED_FORM",
            "log_level": "warning",
        }
    ]
