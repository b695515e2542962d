import pytest
from cryptography.fernet import Fernet

from octavo.config import DatabaseSettings, KafkaSettings, OpsSettings, SealingSettings, load, variable

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


def test_secrets_do_not_show_when_printed(environment):
    environment.setenv("DATABASE_URL", f"postgresql://octavo:{SECRET}@db/octavo")
    (settings,) = load(DatabaseSettings)
    assert SECRET not in repr(settings)


def test_the_variable_of_a_field_is_its_alias_or_its_prefixed_name():
    assert variable(DatabaseSettings, "database_url") == "DATABASE_URL"
    assert variable(OpsSettings, "ops_port") == "OCTAVO_OPS_PORT"
