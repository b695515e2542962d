"""Jobs in PostgreSQL: claimed by one reader at a time, charged once, cancelled completely."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from octavo.domain.csvfile import RowProblem
from octavo.domain.errors import Reason
from octavo.domain.ids import row_id
from octavo.domain.notification import Status
from octavo.storage.errors import transaction
from octavo.storage.jobqueue import (
    UPLOADS,
    Progress,
    advance_job,
    any_job_waits,
    claim_jobs,
    finish_job,
    put_job_back,
    refused_rows,
)
from octavo.storage.jobrows import cancel_job_rows, cancelled_lately, count_job_rows, report_rows
from octavo.storage.jobs import TURN, cancel_job, create_job, get_job, list_jobs, problems_of
from octavo.storage.oldjobs import forget_jobs, forget_problems
from octavo.storage.send import claim_notifications


def claim(jobs, at_most=10, lease=timedelta(seconds=60)):
    with transaction(jobs.engine) as connection:
        return claim_jobs(connection, uuid4(), at_most, lease)


def advance(jobs, claimed, next_row, published, refused, problems=()):
    with transaction(jobs.engine) as connection:
        return advance_job(connection, claimed, Progress(next_row, published, refused), problems)


def put_back(jobs, claimed, **how):
    with transaction(jobs.engine) as connection:
        put_job_back(connection, claimed, **how)


def cancel(jobs, job, service_id=None):
    with transaction(jobs.engine) as connection:
        return cancel_job(connection, service_id or jobs.service_id, job.id)


def waits(jobs):
    with transaction(jobs.engine) as connection:
        return any_job_waits(connection)


def test_a_job_is_created_once_and_found_by_its_service_only(jobs):
    job = jobs.create()
    with transaction(jobs.engine) as connection:
        assert not create_job(connection, job, ())
        assert get_job(connection, uuid4(), job.id) is None
        found = get_job(connection, jobs.service_id, job.id)
    assert found is not None
    assert (found.status, found.total_rows, found.published_rows) == ("ready", 3, 0)


def test_jobs_are_listed_newest_first_page_by_page(jobs):
    made = [jobs.create().id for _ in range(3)]
    with transaction(jobs.engine) as connection:
        first = [row.id for row in list_jobs(connection, jobs.service_id, None, 2)]
        rest = [row.id for row in list_jobs(connection, jobs.service_id, first[-1], 2)]
        assert list_jobs(connection, uuid4(), None, 2) == []
    assert first + rest == sorted(made, reverse=True)


def test_problems_are_kept_row_by_row_in_order(jobs):
    problems = [
        (RowProblem(row, "name", Reason.MISSING_PERSONALISATION), RowProblem(row, "", Reason.RAGGED_ROW))
        for row in range(5_000, 0, -1)
    ]
    job = jobs.create(problems)
    with transaction(jobs.engine) as connection:
        assert problems_of(connection, job.id, at_most=10_000) == problems[::-1]
        assert [rows[0].row for rows in problems_of(connection, job.id, after=7, until=9)] == [8, 9]
        assert refused_rows(connection, job.id, 4_999, 6_000) == {4_999, 5_000}


def test_a_claimed_job_is_nobody_elses_until_its_lease_ends(jobs):
    job = jobs.create()
    (mine,) = claim(jobs, lease=timedelta(seconds=-1))
    assert (mine.id, mine.next_row, jobs.row(job).status) == (job.id, 1, "reading")
    assert waits(jobs)
    (theirs,) = claim(jobs)
    assert not waits(jobs)
    assert claim(jobs) == []
    # The first reader wakes up again: what it says is not heard.
    assert not advance(jobs, mine, 3, 2, 1)
    assert not advance(jobs, mine, 3, 2, 1, [(RowProblem(2, "name", Reason.CELL_TOO_LONG),)])
    put_back(jobs, mine)
    assert advance(jobs, theirs, 2, 1, 1)
    assert jobs.row(job).next_row == 2
    with transaction(jobs.engine) as connection:
        assert problems_of(connection, job.id) == []


def test_the_job_that_waits_longest_comes_first(jobs):
    large, small = jobs.create(), jobs.create()
    (first,) = claim(jobs, at_most=1)
    assert first.id == large.id
    put_back(jobs, first)
    assert [one.id for one in claim(jobs)] == [small.id, large.id]


def test_progress_can_be_noted_twice_and_goes_on_after_a_crash(jobs):
    job = jobs.create()
    (mine,) = claim(jobs)
    problem = (RowProblem(2, "name", Reason.CELL_TOO_LONG),)
    for _ in range(2):
        assert advance(jobs, mine, 3, 1, 2, [problem])
    jobs.execute("UPDATE jobs SET claim_expires_at = now() - interval '1 second'")
    (again,) = claim(jobs)
    assert (again.next_row, again.published_rows, again.refused_rows) == (3, 1, 2)
    with transaction(jobs.engine) as connection:
        assert problems_of(connection, job.id) == [problem]


def test_a_finished_job_gives_back_what_it_did_not_send(jobs):
    job = jobs.create()
    assert jobs.used() == 2
    (mine,) = claim(jobs)
    assert advance(jobs, mine, 4, 1, 2)
    with transaction(jobs.engine) as connection:
        assert finish_job(connection, mine)
        assert not finish_job(connection, mine)
    assert (jobs.used(), jobs.row(job).status) == (1, "read")
    assert claim(jobs) == []


def test_a_stopped_job_says_why_and_is_tried_again_when_its_time_comes(jobs):
    job = jobs.create()
    (mine,) = claim(jobs)
    put_back(jobs, mine, wait=timedelta(minutes=1), error="FILE_CHANGED", failures=3)
    assert (jobs.row(job).status, jobs.row(job).error) == ("stopped", "FILE_CHANGED")
    assert claim(jobs) == []
    jobs.execute("UPDATE jobs SET next_try_at = now()")
    (again,) = claim(jobs)
    # It counts as stopped until it has got on.
    assert (again.failures, jobs.row(job).status) == (3, "stopped")
    assert advance(jobs, again, 2, 1, 1)
    assert (jobs.row(job).status, jobs.row(job).error, jobs.row(job).failures) == ("reading", "", 0)


def test_a_job_that_nobody_reads_gives_its_whole_allowance_back_when_it_is_cancelled(jobs):
    job = jobs.create(reserved=2_000)
    assert not cancel(jobs, job, uuid4())
    assert cancel(jobs, job)
    assert not cancel(jobs, job)
    assert (jobs.used(), jobs.row(job).status) == (0, "cancelled")
    assert claim(jobs) == []


def test_a_reader_may_be_a_turn_ahead_of_what_it_noted_when_its_job_is_cancelled(jobs):
    job = jobs.create(reserved=2_000)
    (mine,) = claim(jobs)
    assert advance(jobs, mine, 301, 300, 0)
    assert cancel(jobs, job)
    assert jobs.used() == 300 + TURN
    assert not advance(jobs, mine, 801, 800, 0)
    put_back(jobs, mine, error="FILE_CHANGED")
    assert (jobs.row(job).status, jobs.row(job).published_rows, jobs.row(job).error) == ("cancelled", 800, "")


def test_rows_that_no_worker_took_are_cancelled_in_batches(jobs):
    job, other = jobs.create(), jobs.create()
    jobs.persist(job, *range(1, 8))
    jobs.persist(job, 8, send_at=datetime.now(UTC) + timedelta(hours=1))
    jobs.persist(other, 1)
    with transaction(jobs.engine) as connection:
        claim_notifications(connection, [row_id(job.id, 3)], uuid4())
    after: int | None = 0
    batches = []
    while after is not None:
        with transaction(jobs.engine) as connection:
            after = cancel_job_rows(connection, job.id, after, at_most=3)
        batches.append(after)
    assert batches == [4, 7, 8, None]
    assert jobs.statuses(job) == {row: "created" if row == 3 else "cancelled" for row in range(1, 9)}
    assert jobs.statuses(other) == {1: "created"}
    with transaction(jobs.engine) as connection:
        counts = count_job_rows(connection, jobs.service_id, [job.id, other.id])
    assert counts == {job.id: {Status.CREATED: 1, Status.CANCELLED: 7}, other.id: {Status.CREATED: 1}}


def test_rows_on_their_way_when_the_job_is_cancelled_are_cancelled_on_arrival(jobs):
    job, other = jobs.create(), jobs.create()
    cancel(jobs, job)
    inserted = jobs.persist(job, 1) | jobs.persist(other, 1)
    assert [one.status for one in inserted.values()] == ["cancelled", "created"]
    assert (jobs.statuses(job), jobs.statuses(other)) == ({1: "cancelled"}, {1: "created"})
    (row,) = jobs.all("SELECT * FROM notifications WHERE job_id = :id", id=job.id)
    assert row.completed_at is not None
    assert row.next_attempt_at is None
    with transaction(jobs.engine) as connection:
        assert claim_notifications(connection, [row_id(job.id, 1)], uuid4()) == {}
        assert list(cancelled_lately(connection, timedelta(minutes=1))) == [job.id]


def test_the_report_pages_through_the_rows_in_their_order(jobs):
    job, other = jobs.create(), jobs.create()
    jobs.persist(job, 9, 2, 5, 1)
    jobs.persist(other, 1, 2)
    pages: list[list[int]] = []
    last: UUID | None = None
    while True:
        with transaction(jobs.engine) as connection:
            rows = report_rows(connection, jobs.service_id, job.id, last, 3)
        if not rows:
            break
        pages.append([row.job_row for row in rows])
        last = rows[-1].id
    assert pages == [[1, 2, 5], [9]]


def test_a_job_goes_when_no_row_of_it_can_be_left_with_what_was_wrong_in_its_file(jobs):
    wrong = [(RowProblem(2, "name", Reason.CELL_TOO_LONG),)]
    uploaded = f"{jobs.service_id}{UPLOADS}people.csv"
    old = [jobs.create(wrong), jobs.create(wrong, object_key=uploaded)]
    kept = [jobs.create(wrong), jobs.create(wrong)]
    for job, days in ((old[0], 121), (old[1], 121), (kept[0], 119)):
        jobs.execute(
            "UPDATE jobs SET status = 'read', finished_at = now() - make_interval(days => :days) WHERE id = :id",
            id=job.id,
            days=days,
        )

    def forgotten():
        with transaction(jobs.engine) as connection:
            return forget_problems(connection), forget_jobs(connection)

    def left():
        return {row.id for row in jobs.all("SELECT id FROM jobs")}

    assert forgotten() == (2, 1)
    # Its file is there still.
    assert left() == {old[1].id, *(job.id for job in kept)}
    jobs.execute("UPDATE jobs SET file_erased_at = now() WHERE id = :id", id=old[1].id)
    assert forgotten() == (0, 1)
    assert forgotten() == (0, 0)
    assert left() == {job.id for job in kept}
    assert {row.job_id for row in jobs.all("SELECT job_id FROM job_problems")} == left()
