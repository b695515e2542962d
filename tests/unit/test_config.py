from typing import get_args

import pytest
from cryptography.fernet import Fernet

from octavo.config import DatabaseSettings, KafkaSettings, OpsSettings, SealingSettings, variable
from octavo.crypto import SealedForm
from octavo.loading import load
from octavo.messaging.security import KafkaConnection
from tests.certificates import Authority

SECRET = "not-to-be-shown-anywhere"


@pytest.fixture
def environment(monkeypatch):
    for name in ("DATABASE_URL", "KAFKA_BOOTSTRAP", "OCTAVO_SEALING_KEYS", "OCTAVO_HASH_KEY", "OCTAVO_SECRETS_DIR"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_reports_everything_that_is_wrong_at_once_and_ends_with_78(environment, capsys):
    environment.setenv("OCTAVO_HASH_KEY", SECRET)
    environment.setenv("OCTAVO_OPS_PORT", "many")
    with pytest.raises(SystemExit) as end:
        load(DatabaseSettings, KafkaSettings, SealingSettings, OpsSettings)
    report = capsys.readouterr().err
    assert end.value.code == 78
    for name in ("DATABASE_URL", "KAFKA_BOOTSTRAP", "OCTAVO_SEALING_KEYS", "OCTAVO_HASH_KEY", "OCTAVO_OPS_PORT"):
        assert name in report
    assert SECRET not in report


def test_a_sealing_key_that_is_none_is_refused_without_showing_it(environment, capsys):
    environment.setenv("OCTAVO_SEALING_KEYS", SECRET)
    environment.setenv("OCTAVO_HASH_KEY", "k" * 32)
    with pytest.raises(SystemExit):
        load(SealingSettings)
    report = capsys.readouterr().err
    assert "OCTAVO_SEALING_KEYS" in report
    assert SECRET not in report


def test_reads_secrets_from_mounted_files(environment, tmp_path):
    key = Fernet.generate_key().decode()
    (tmp_path / "OCTAVO_SEALING_KEYS").write_text(f"{key}\n")
    (tmp_path / "OCTAVO_HASH_KEY").write_text("k" * 40)
    environment.setenv("OCTAVO_SECRETS_DIR", str(tmp_path))
    (settings,) = load(SealingSettings)
    assert settings.keys() == [key]
    assert settings.key_of_hashes() == b"k" * 40


def test_seals_in_the_form_that_a_release_before_opens_unless_told_otherwise(environment, capsys):
    environment.delenv("OCTAVO_SEALED_FORM", raising=False)
    environment.setenv("OCTAVO_SEALING_KEYS", Fernet.generate_key().decode())
    environment.setenv("OCTAVO_HASH_KEY", "k" * 32)
    (settings,) = load(SealingSettings)
    assert settings.sealed_form == "fernet"
    for form in get_args(SealedForm):
        environment.setenv("OCTAVO_SEALED_FORM", form)
        (settings,) = load(SealingSettings)
        assert settings.sealed_form == form
    environment.setenv("OCTAVO_SEALED_FORM", "aes")
    with pytest.raises(SystemExit):
        load(SealingSettings)
    assert "OCTAVO_SEALED_FORM: Input should be 'fernet' or 'aes-gcm'" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_reported_with_all_else(environment, tmp_path, capsys):
    (tmp_path / "OCTAVO_SEALING_KEYS").write_bytes(b"\xff\xfe" + SECRET.encode())
    (tmp_path / "OCTAVO_HASH_KEY").write_text("short")
    environment.setenv("OCTAVO_SECRETS_DIR", str(tmp_path))
    with pytest.raises(SystemExit) as end:
        load(SealingSettings, DatabaseSettings, beside=lambda: ["topics: too small"])
    lines = capsys.readouterr().err.splitlines()
    assert end.value.code == 78
    assert lines == [
        "octavo: misconfigured, 4 fault(s):",
        "  - DATABASE_URL: is not set",
        "  - OCTAVO_HASH_KEY: needs at least 32 characters",
        f"  - OCTAVO_SEALING_KEYS: {tmp_path / 'OCTAVO_SEALING_KEYS'} can't be read: it is no UTF-8",
        "  - topics: too small",
    ]


@pytest.mark.parametrize(
    "url",
    ["postgresql://u:p@db/octavo", "postgresql+psycopg2://u:p%40x@db:5432/octavo", "postgresql://u:p@[::1]:5432/octavo",
     "postgresql://u:p@/octavo?host=a:5432&host=b:5432", "postgresql://u:p@db/octavo?sslmode=verify-full"],
)  # fmt: skip
def test_addresses_of_databases(environment, url):
    environment.setenv("DATABASE_URL", url)
    load(DatabaseSettings)


def test_a_mode_of_tls_that_there_is_not_is_refused(environment, capsys):
    environment.setenv("DATABASE_URL", "postgresql://u:p@db/octavo?sslmode=verify-ful")
    with pytest.raises(SystemExit):
        load(DatabaseSettings)
    assert "DATABASE_URL: sslmode needs one of" in capsys.readouterr().err


def test_what_else_is_at_fault_is_only_asked_when_something_is(environment):
    environment.setenv("KAFKA_BOOTSTRAP", "broker:9092")
    load(KafkaSettings, beside=lambda: pytest.fail("asked"))


def test_what_can_be_read_beside_counts_as_it_does_without_a_fault(environment, tmp_path, capsys):
    (tmp_path / "OCTAVO_SEALING_KEYS").write_bytes(b"\xff")
    (tmp_path / "OCTAVO_HASH_KEY").write_text("k" * 32 + "\n")
    (tmp_path / "OCTAVO_LOG_LEVEL").write_bytes(b"\xff")
    (tmp_path / "OCTAVO_LOG_FORMAT").write_text("json\n")
    (tmp_path / "OCTAVO_OPS_PORT").write_text("many")
    environment.setenv("OCTAVO_OPS_PORT", "9100")
    environment.setenv("OCTAVO_SECRETS_DIR", str(tmp_path))
    with pytest.raises(SystemExit):
        load(SealingSettings, OpsSettings)
    named = [line.split()[1] for line in capsys.readouterr().err.splitlines()[1:]]
    assert named == ["OCTAVO_LOG_LEVEL:", "OCTAVO_SEALING_KEYS:"]


def test_secrets_are_read_as_kubernetes_mounts_them(environment, tmp_path):
    (tmp_path / "..2026_11_26").mkdir()
    (tmp_path / "..2026_11_26/OCTAVO_HASH_KEY").write_text("k" * 40)
    (tmp_path / "..2026_11_26/OCTAVO_SEALING_KEYS").write_text(Fernet.generate_key().decode())
    (tmp_path / "..data").symlink_to("..2026_11_26")
    for name in ("OCTAVO_HASH_KEY", "OCTAVO_SEALING_KEYS"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    environment.setenv("OCTAVO_SECRETS_DIR", str(tmp_path))
    (settings,) = load(SealingSettings)
    assert settings.key_of_hashes() == b"k" * 40


def test_a_folder_of_secrets_that_is_not_there_is_reported_with_what_else_is_wrong(environment, tmp_path, capsys):
    environment.setenv("OCTAVO_SECRETS_DIR", str(tmp_path / "none"))
    environment.setenv("OCTAVO_OPS_PORT", "many")
    with pytest.raises(SystemExit) as end:
        load(SealingSettings, OpsSettings)
    assert end.value.code == 78
    named = [line.split()[1] for line in capsys.readouterr().err.splitlines()[1:] if line.startswith("  - ")]
    assert named == ["OCTAVO_OPS_PORT:", "OCTAVO_SECRETS_DIR:"]


def test_a_user_of_kafka_has_a_password(environment, capsys):
    environment.setenv("KAFKA_BOOTSTRAP", "broker:9092")
    environment.setenv("OCTAVO_KAFKA_USERNAME", "octavo-api")
    with pytest.raises(SystemExit):
        load(KafkaConnection)
    assert "OCTAVO_KAFKA_USERNAME needs OCTAVO_KAFKA_PASSWORD" in capsys.readouterr().err
    environment.setenv("OCTAVO_KAFKA_PASSWORD", "one")
    load(KafkaConnection)


@pytest.mark.parametrize(
    "url",
    ["localhost", "mysql://u:p@host/octavo", f"postgresql://u:{SECRET}@host", "postgresql://u:p@host:port/octavo"],
)
def test_an_address_of_a_database_that_is_none_is_refused_without_showing_it(environment, capsys, url):
    environment.setenv("DATABASE_URL", url)
    with pytest.raises(SystemExit):
        load(DatabaseSettings)
    report = capsys.readouterr().err
    assert "DATABASE_URL: needs postgresql://user:password@host:port/name" in report
    assert SECRET not in report


@pytest.mark.parametrize(
    ("brokers", "fine"),
    [("a:9092,b:9092", True), (" a:9092, b:9092 ", True), ("[::1]:9092", True),
     ("a", False), ("a:99999", False), ("a:0", False), ("a:9092,b", False), (",", False), ("http://a:9092", False)],
)  # fmt: skip
def test_brokers_are_hosts_with_ports(environment, capsys, brokers, fine):
    environment.setenv("KAFKA_BOOTSTRAP", brokers)
    if fine:
        load(KafkaSettings)
    else:
        with pytest.raises(SystemExit):
            load(KafkaSettings)
        assert "KAFKA_BOOTSTRAP: needs brokers as host:port" in capsys.readouterr().err


@pytest.mark.parametrize("variable_name", ["OCTAVO_KAFKA_CA_FILE", "PGSSLROOTCERT"])
def test_authorities_that_verify_nobody_are_reported(environment, tmp_path, capsys, variable_name):
    environment.setenv("KAFKA_BOOTSTRAP", "broker:9092")
    environment.setenv("DATABASE_URL", "postgresql://octavo:octavo@db/octavo?sslmode=verify-full")
    there, text, expired = tmp_path / "none.pem", tmp_path / "text.pem", tmp_path / "expired.pem"
    text.write_text("no certificate")
    expired.write_bytes(Authority(days=-1).chain)
    for file, why in ((there, "can't be read"), (text, "no certificate in PEM"), (expired, "have expired")):
        environment.setenv(variable_name, str(file))
        with pytest.raises(SystemExit):
            load(KafkaConnection, DatabaseSettings)
        assert why in capsys.readouterr().err


def test_secrets_do_not_show_when_printed(environment):
    environment.setenv("DATABASE_URL", f"postgresql://octavo:{SECRET}@db/octavo")
    (settings,) = load(DatabaseSettings)
    assert SECRET not in repr(settings)


def test_the_variable_of_a_field_is_its_alias_or_its_prefixed_name():
    assert variable(DatabaseSettings, "database_url") == "DATABASE_URL"
    assert variable(OpsSettings, "ops_port") == "OCTAVO_OPS_PORT"
