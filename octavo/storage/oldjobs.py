"""Jobs that ended so long ago that no row of theirs is left: they go with all that was wrong in their files."""

from sqlalchemy import Connection, text

from octavo.storage.jobqueue import UPLOADS
from octavo.storage.retention import ROWS_KEPT
from octavo.telemetry.measured import measured

PROBLEMS_AT_ONCE = 5_000
JOBS_AT_ONCE = 100

_PROBLEMS = text("""
DELETE FROM job_problems WHERE ctid = ANY(ARRAY(
    SELECT p.ctid FROM jobs j JOIN job_problems p ON p.job_id = j.id
    WHERE j.finished_at < now() - CAST(:kept AS interval) LIMIT :at_most FOR UPDATE OF p SKIP LOCKED))
""")
# One whose uploaded file is still there has to tell of it, until that is erased.
_JOBS = text("""
WITH picked AS MATERIALIZED (
    SELECT id FROM jobs j
    WHERE finished_at < now() - CAST(:kept AS interval)
      AND (file_erased_at IS NOT NULL OR NOT starts_with(object_key, service_id || :uploads))
      AND NOT EXISTS (SELECT FROM job_problems p WHERE p.job_id = j.id)
    ORDER BY finished_at LIMIT :at_most FOR UPDATE SKIP LOCKED
)
DELETE FROM jobs j USING picked p WHERE j.id = p.id
""")


@measured
def forget_problems(connection: Connection) -> int:
    """Deletes some of what was wrong in the files of old jobs; how many rows of them."""
    return connection.execute(_PROBLEMS, {"kept": ROWS_KEPT, "at_most": PROBLEMS_AT_ONCE}).rowcount


@measured
def forget_jobs(connection: Connection) -> int:
    """Deletes some old jobs of which nothing else is left; how many."""
    values = {"kept": ROWS_KEPT, "uploads": UPLOADS, "at_most": JOBS_AT_ONCE}
    return connection.execute(_JOBS, values).rowcount
