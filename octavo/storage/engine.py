"""The connection pool."""

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import QueuePool

from octavo.telemetry import metrics

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 30

# A plan that is kept must not read a table as a whole because it was small when it was made, nor compare each row of a batch with
# each other because the batch was.
_BY_KEY = "".join(
    f" -c {setting}"
    for setting in (
        "plan_cache_mode=force_generic_plan",
        "enable_seqscan=off",
        "enable_nestloop=off",
        "enable_mergejoin=off",
    )
)


def engine(
    url: str,
    *,
    pool: int = 8,
    wait_seconds: float = 5.0,
    application: str = "octavo",
    ping: bool = False,
    lasting: bool = True,
    by_key: bool = False,
    one_by_one: bool = False,
) -> Engine:
    """A pool of at most so many connections; who finds none free within the wait gets an error.

    A connection that died is noticed when it is used: the work is then done again, as for any other absence. `ping` is for those
    whose clients would notice: connections are tried before they are used. How many are in use is told to operators under the
    name of the application, unless the pool does not last. `by_key` is for statements that find every row by its key and whose
    plans are kept (`octavo.storage.prepared`). With `one_by_one` each statement is a transaction by itself, and takes one round
    trip instead of three: for who never needs two together.
    """
    made = create_engine(
        make_url(url).set(drivername="postgresql+psycopg2"),
        pool_size=pool,
        max_overflow=0,
        pool_timeout=wait_seconds,
        pool_use_lifo=True,
        pool_recycle=1800,
        pool_pre_ping=ping,
        isolation_level="AUTOCOMMIT" if one_by_one else None,
        # SQL text and values stay out of errors: the values are personal data.
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": application,
            "options": f"-c statement_timeout={STATEMENT_SECONDS * 1000} -c timezone=UTC -c jit=off{_BY_KEY if by_key else ''}",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            # A server that stands still (not one that is gone) is noticed by this.
            "tcp_user_timeout": 15_000,
        },
    )
    if lasting:
        metrics.POOL_SIZE.labels(application).set(pool)
        metrics.POOL_IN_USE.labels(application).set_function(lambda: _in_use(made))
    return made


def _in_use(made: Engine) -> int:
    # Disposing an engine gives it another pool, so it is asked for each time.
    return made.pool.checkedout() if isinstance(made.pool, QueuePool) else 0


def probe(connection: Connection) -> None:
    """Asks for nothing: whether the database answers."""
    connection.execute(text("SELECT 1"))
