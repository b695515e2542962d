"""Sealing again with a new key what older keys sealed: in batches, while everything runs, and as often as one likes."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Engine, TextClause, text

from octavo.crypto import Sealer
from octavo.domain.errors import Malformed
from octavo.storage.errors import transaction
from octavo.telemetry.measured import measured

AT_ONCE = 500
MOST_BYTES = 16_000_000
"""Sealed data read at once: a sealed message may have megabytes."""
FIRST = UUID(int=0)

# The lengths are known without reading the data, so a batch is cut before it is in anybody's memory.
_READ = """
SELECT id, sealed FROM (
    SELECT id, sealed, row_number() OVER (ORDER BY id) AS place, sum(octet_length(sealed)) OVER (ORDER BY id) AS bytes
    FROM (
        SELECT {key} AS id, sealed FROM {table} WHERE {key} > :after AND sealed IS NOT NULL ORDER BY {key} LIMIT :at_most
    ) ahead
) batch
WHERE place = 1 OR bytes <= :most_bytes ORDER BY id
"""
# Compare and set: what was erased or removed meanwhile stays so.
_WRITE = """
UPDATE {table} t SET sealed = given.after
FROM unnest(CAST(:ids AS uuid[]), CAST(:before AS bytea[]), CAST(:after AS bytea[])) AS given (id, before, after)
WHERE t.{key} = given.id AND t.{key} = ANY(CAST(:ids AS uuid[])) AND t.sealed = given.before
"""


@dataclass(frozen=True, slots=True)
class Sealed:
    """Where sealed data lies: the statements that read and replace it."""

    name: str
    read: TextClause
    write: TextClause


NOTIFICATIONS, GUESTS = (
    Sealed(table, text(_READ.format(table=table, key=key)), text(_WRITE.format(table=table, key=key)))
    for table, key in (("notifications", "id"), ("guests", "guest_id"))
)


@dataclass(frozen=True, slots=True)
class Resealed:
    """What became of a batch. `last` is the id to go on after."""

    last: UUID
    read: int
    resealed: int
    unreadable: tuple[UUID, ...]


@measured
def reseal_batch(
    engine: Engine, sealer: Sealer, sealed: Sealed, after: UUID, at_most: int = AT_ONCE
) -> Resealed | None:
    """Seals the next ones again that the first key did not seal; None if there are no more after this id.

    What no key opens is left as it is, and named. Raises Unavailable while the database is away.
    """
    with transaction(engine) as connection:
        values = {"after": after, "at_most": at_most, "most_bytes": MOST_BYTES}
        rows = [(row.id, bytes(row.sealed)) for row in connection.execute(sealed.read, values)]
    if not rows:
        return None
    # Between the two transactions, so that no row is locked while the work is done.
    changed: list[tuple[UUID, bytes, bytes]] = []
    unreadable: list[UUID] = []
    for one, before in rows:
        if sealer.is_current(before):
            continue
        try:
            changed.append((one, before, sealer.reseal(before)))
        except Malformed:
            unreadable.append(one)
    written = 0
    if changed:
        with transaction(engine) as connection:
            written = connection.execute(
                sealed.write,
                {
                    "ids": [str(one) for one, _, _ in changed],
                    "before": [before for _, before, _ in changed],
                    "after": [after for _, _, after in changed],
                },
            ).rowcount
    return Resealed(rows[-1][0], len(rows), written, tuple(unreadable))


def reseal_all(engine: Engine, sealer: Sealer, sealed: Sealed, after: UUID = FIRST) -> Iterator[Resealed]:
    """Batch after batch, to the end of the table. Raises Unavailable while the database is away: go on after the last id."""
    while (batch := reseal_batch(engine, sealer, sealed, after)) is not None:
        yield batch
        after = batch.last
