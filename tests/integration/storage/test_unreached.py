"""Why there is no connection to the database, in words that name neither user nor host."""

import socket

import pytest
from sqlalchemy import make_url, text

from octavo.domain.errors import Unavailable
from octavo.storage.engine import engine
from octavo.storage.errors import transaction


def told(url):
    made = engine(url.render_as_string(hide_password=False))
    try:
        with pytest.raises(Unavailable) as caught, transaction(made) as connection:
            connection.execute(text("SELECT 1"))
    finally:
        made.dispose()
    return caught.value.message


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"password": "another"}, "it refuses the user or the password"),
        ({"username": "somebody"}, "it refuses the user or the password"),
        ({"database": "nowhere"}, "it has no database of that name"),
        ({"query": {"sslmode": "require"}}, "TLS fails"),
        ({"host": "nowhere.invalid"}, "nobody knows its host"),
    ],
)
def test_the_cause_is_told(empty_database_url, wrong, why):
    assert told(make_url(empty_database_url).set(**wrong)) == f"the database is away: {why}"


def test_a_port_where_nobody_listens_is_told(empty_database_url):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = make_url(empty_database_url).set(host="127.0.0.1", port=nobody.getsockname()[1])
        assert told(url) == "the database is away: nobody listens there"
