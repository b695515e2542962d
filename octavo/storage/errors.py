"""A database's errors, translated once, at the edge."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, exc

from octavo.domain.errors import Malformed, Reason, Unavailable

_BUSY = {
    "55P03": "a lock of the database was not to be had in time",
    "57014": "the database took too long for a statement",
    "40P01": "statements of the database waited for each other",
}
"""What the database says while it is there and may do the same work later, by SQLSTATE."""
_UNREACHED = (
    (r"password authentication failed", "it refuses the user or the password"),
    (r"role .* does not exist", "it has no such user"),
    (r"no pg_hba.conf entry", "it lets this user in from elsewhere or by TLS alone (pg_hba.conf)"),
    (r"database .* does not exist", "it has no database of that name"),
    (r"too many clients|connection slots|too many connections", "it has no connection left"),
    (r"starting up|shutting down|in recovery", "it is starting or stopping"),
    (r"certificate|SSL error|support SSL", "TLS fails"),
    (r"could not translate host name|Name or service not known", "nobody knows its host"),
    (r"Connection refused|No such file", "nobody listens there"),
    (r"timeout expired|timed out", "no connection in time"),
)
"""Why there is no connection, by what libpq says, which has no SQLSTATE for it. Its own words name users and hosts, and clients
hear of it."""


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction, committed at the end.

    Raises Unavailable when the database can't be reached, has no connection left, or is shutting down, or when a statement does
    not get its lock or its end in time; Malformed when it refuses a value.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except (exc.DataError, exc.IntegrityError) as error:
        # The driver's text can hold the values, which are personal data: only its kind goes on.
        raise _refused(error) from None
    except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError, exc.InternalError) as error:
        if isinstance(error, exc.OperationalError) and _too_large(error):
            raise _refused(error) from None
        raise _away(_BUSY.get(_state(error)) or f"the database is away: {_why(error)}") from None
    except ValueError as error:
        # psycopg2's own check, made before anything is sent. A record with such a text must not end its consumer.
        if "NUL (0x00)" in str(error):
            raise Malformed("the database refuses a value: NUL in a text") from None
        raise
    except exc.DBAPIError as error:
        if error.connection_invalidated:
            raise _away("the database closed the connection") from None
        raise


def _state(error: exc.SQLAlchemyError) -> str:
    """PostgreSQL's SQLSTATE; empty where it said nothing."""
    return getattr(getattr(error, "orig", None), "pgcode", None) or ""


def _why(error: exc.SQLAlchemyError) -> str:
    """Why there is no connection; the kind of the error if there was one."""
    if isinstance(error, exc.DBAPIError) and error.statement is None:
        for said, meaning in _UNREACHED:
            if re.search(said, str(error.orig)):
                return meaning
    return type(error).__name__


def _too_large(error: exc.OperationalError) -> bool:
    """Whether a value is larger than PostgreSQL can keep or index (class 54). Psycopg counts that as a database that is away."""
    return _state(error).startswith("54")


def _refused(error: exc.DBAPIError) -> Malformed:
    return Malformed(f"the database refuses a value: {type(error.orig).__name__}")


def _away(message: str) -> Unavailable:
    return Unavailable(message, reason=Reason.DATABASE_UNAVAILABLE)
