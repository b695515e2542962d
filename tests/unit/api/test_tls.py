"""Certificates are checked when they are read, and read again when they change."""

import re
from datetime import UTC, datetime

import pytest
import structlog.testing

from octavo.loading import load
from octavo.telemetry import metrics
from services.api.serving.tls import Files, Reloading, Unusable
from services.api.settings import ApiSettings
from tests.certificates import DAY, Authority

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def files(authority, tmp_path):
    chain, key = authority.vouches_for("api").write(tmp_path)
    (tmp_path / "ca.crt").write_bytes(authority.chain)
    return Files(chain, key, tmp_path / "ca.crt")


def test_reads_what_fits_together(files, authority):
    material = files.read(NOW)
    assert material.authority == authority.chain
    assert NOW + 29 * DAY < material.expires < NOW + 31 * DAY


def test_a_missing_file_is_named(files):
    files.key.unlink()
    with pytest.raises(Unusable, match=re.escape(str(files.key))):
        files.read(NOW)


@pytest.mark.parametrize("name", ["chain", "authority"])
def test_what_is_no_certificate_is_named(files, name):
    getattr(files, name).write_text("nothing")
    with pytest.raises(Unusable, match="holds no certificate"):
        files.read(NOW)


def test_what_is_no_key_is_named_but_not_shown(files):
    files.key.write_text("secret rubbish")
    with pytest.raises(Unusable, match="no private key") as raised:
        files.read(NOW)
    assert "rubbish" not in str(raised.value)


def test_the_key_of_another_certificate_is_refused(files, authority):
    files.key.write_bytes(authority.vouches_for("other").secret)
    with pytest.raises(Unusable, match="not the key of"):
        files.read(NOW)


def test_an_expired_certificate_is_refused(files):
    with pytest.raises(Unusable, match="expired at"):
        files.read(NOW + 31 * DAY)


def test_unchanged_files_are_not_read_again(files):
    assert Reloading(files)() is None


def test_changed_files_are_read_again_once(files, authority, tmp_path):
    reloading = Reloading(files)
    renewed = authority.vouches_for("api", days=90)
    renewed.write(tmp_path)
    assert reloading() is not None
    assert reloading() is None
    expires = metrics.CERTIFICATE_EXPIRES.labels("api")._value.get()
    assert expires == renewed.certificate.not_valid_after_utc.timestamp()


def test_the_old_certificate_is_used_until_the_new_one_is_whole(files, authority, tmp_path):
    reloading = Reloading(files)
    renewed = authority.vouches_for("api", days=90)
    files.chain.write_bytes(renewed.chain)
    with structlog.testing.capture_logs() as logs:
        # The key is still that of the old one.
        assert reloading() is None
        assert reloading() is None
    assert [entry["log_level"] for entry in logs] == ["error"]
    renewed.write(tmp_path)
    assert reloading() is not None


def test_a_file_that_vanishes_ends_nothing(files):
    reloading = Reloading(files)
    files.chain.unlink()
    assert reloading() is None


@pytest.fixture
def environment(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://a@b/c")
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "kafka:9092")
    monkeypatch.setenv("OCTAVO_SEALING_KEYS", "A" * 43 + "=")
    monkeypatch.setenv("OCTAVO_HASH_KEY", "h" * 32)
    monkeypatch.setenv("OCTAVO_ADMIN_KEY", "a" * 32)
    monkeypatch.setenv("OCTAVO_S3_BUCKET", "files")
    monkeypatch.setenv("OCTAVO_AWS_REGION", "eu-west-1")
    return monkeypatch


def test_an_expired_certificate_is_a_misconfiguration(environment, authority, tmp_path, capsys):
    chain, key = authority.vouches_for("api", days=-1).write(tmp_path)
    environment.setenv("OCTAVO_TLS_CERT_FILE", str(chain))
    environment.setenv("OCTAVO_TLS_KEY_FILE", str(key))
    with pytest.raises(SystemExit) as ended:
        load(ApiSettings)
    assert ended.value.code == 78
    assert f"- {chain} expired at" in capsys.readouterr().err
