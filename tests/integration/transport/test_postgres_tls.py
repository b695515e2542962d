"""PostgreSQL over TLS: the server's certificate is verified, by the URL or by libpq's variables, as the manifests set them."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from octavo.storage.engine import engine
from tests.certificates import Authority


@pytest.fixture
def ca_file(authority, tmp_path):
    path = tmp_path / "ca.crt"
    path.write_bytes(authority.chain)
    return str(path)


def _one(url):
    pool = engine(url, pool=1)
    try:
        with pool.connect() as connection:
            connected: Any = connection.connection.dbapi_connection
            assert connected.info.ssl_in_use
            return connection.execute(text("SELECT 1")).scalar()
    finally:
        pool.dispose()


def test_a_verified_server_is_used(database_behind_tls, ca_file):
    assert _one(f"{database_behind_tls}?sslmode=verify-full&sslrootcert={ca_file}") == 1


@pytest.mark.asked("C6")
def test_the_variables_of_the_manifests_insist_on_verification(database_behind_tls, ca_file, monkeypatch):
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", ca_file)
    assert _one(database_behind_tls) == 1


def test_a_server_of_another_authority_is_refused(database_behind_tls, tmp_path):
    other = tmp_path / "other.crt"
    other.write_bytes(Authority("another").chain)
    with pytest.raises(OperationalError, match="certificate verify failed"):
        _one(f"{database_behind_tls}?sslmode=verify-full&sslrootcert={other}")


def test_a_server_of_another_name_is_refused(database_behind_tls, ca_file):
    url = database_behind_tls.replace("localhost", "ip6-localhost.invalid")
    with pytest.raises(OperationalError, match="does not match host name"):
        _one(f"{url}?sslmode=verify-full&sslrootcert={ca_file}&hostaddr=127.0.0.1")


def test_a_server_without_tls_is_refused(database_url, ca_file):
    with pytest.raises(OperationalError, match="does not support SSL"):
        _one(f"{database_url}?sslmode=verify-full&sslrootcert={ca_file}")
