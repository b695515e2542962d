"""Databases of their own for tests: made, and dropped with whatever connections the test has left open."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2 import sql

from tests.waiting import until

DROP_SECONDS = 30.0

_END_OURS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND usename = current_user"


@contextmanager
def database(server_url: str, name: str, template: str = "template1") -> Iterator[str]:
    """The URL of a new database beside the server's, a copy of `template`; it is dropped in the end."""
    execute(
        server_url, sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    )
    yield beside(server_url, name)
    drop(server_url, name)


def beside(server_url: str, name: str) -> str:
    """The URL of another database of that server."""
    return f"{server_url.rpartition('/')[0]}/{name}"


def drop(server_url: str, name: str) -> None:
    """Drops a database of that server, and ends our connections to it.

    Not `WITH (FORCE)`: that ends an autovacuum worker, too, for which one has to be a superuser. Without it
    PostgreSQL sends such workers away itself.
    """

    def dropped() -> bool:
        execute(server_url, _END_OURS, (name,))
        try:
            execute(server_url, sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
        except psycopg2.errors.ObjectInUse:
            return False
        return True

    until(dropped, DROP_SECONDS, why=f"{name} is still in use")


def execute(url: str, statement: str | sql.Composable, values: tuple[object, ...] = ()) -> None:
    """Executes one statement in a connection and a transaction of its own, or in none where it allows none."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, values or None)
    finally:
        connection.close()
