"""Every metric, each with a line that says what it means. All names begin with `notifications_`.

Only gRPC's own three have the names that the ecosystem's dashboards look for, beside `notifications_requests_total`.

Label values come from the code, never from a client.
"""

from prometheus_client import Gauge

from octavo.telemetry.instruments import Counter, Histogram

# From 5 ms to 10 min, for the way from acceptance to the provider.
TO_PROVIDER = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
# From 1 s to 30 h, for the way to the final receipt.
TO_RECEIPT = (1, 2, 5, 10, 30, 60, 300, 900, 1800, 3600, 7200, 14400, 28800, 57600, 108000)
STEP = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

BUILD = Gauge("notifications_build_info", "Always 1; which release a process runs, as its label.", ["version"])

TASKS = Counter(
    "notifications_tasks_total",
    "Runs of a task or a data-access function, by its name and how it ended (ok, error).",
    ["function", "outcome"],
)
TASK_SECONDS = Histogram(
    "notifications_task_seconds", "Seconds that a task or a data-access function took.", ["function"], buckets=STEP
)

CONSUMED = Counter("notifications_consumed_total", "Records handled, published on and committed, by topic.", ["topic"])
DEAD_LETTERS = Counter("notifications_dead_letters_total", "Records put aside on <topic>.dead, by topic.", ["topic"])
PUBLISHED = Counter("notifications_published_total", "Messages acknowledged by Kafka, by topic.", ["topic"])

REQUESTS = Counter(
    "notifications_requests_total",
    "Calls by who called (API, ADMIN, NOBODY), gRPC method, the module and function that handled it, and gRPC status.",
    ["caller", "method", "module", "function", "status"],
)
GRPC_STARTED = Counter(
    "grpc_server_started_total",
    "Calls begun, counted once it is known who calls.",
    ["grpc_type", "grpc_service", "grpc_method", "caller"],
)
GRPC_HANDLED = Counter(
    "grpc_server_handled_total",
    "Calls ended, by gRPC status.",
    ["grpc_type", "grpc_service", "grpc_method", "grpc_code", "caller"],
)
GRPC_SECONDS = Histogram(
    "grpc_server_handling_seconds",
    "Seconds from the arrival of a call to its end.",
    ["grpc_type", "grpc_service", "grpc_method", "caller"],
    buckets=STEP,
)

ACCEPTED = Counter("notifications_accepted_total", "Notifications accepted from clients, by type.", ["type"])
PERSISTED = Counter("notifications_persisted_total", "Rows written, by lane topic.", ["topic"])
OTHER_CONTENT = Counter(
    "notifications_other_content_total",
    "Messages dropped because their id was taken by another content, by topic.",
    ["topic"],
)

RETRIES = Counter("notifications_retries_total", "Retries planned, by step.", ["step"])
RETRIES_FAILED = Counter(
    "notifications_retries_failed_total", "Notifications whose attempts are used up, by step.", ["step"]
)

BACKLOG_RECORDS = Gauge(
    "notifications_backlog_records",
    "Records on a topic that its consumers have not finished; of a dead-letter topic, all that are on it.",
    ["topic"],
)
BACKLOG_AGE = Gauge(
    "notifications_backlog_age_seconds",
    "Age of the oldest record that its consumers have not finished, by topic.",
    ["topic"],
)
ROWS = Gauge(
    "notifications_rows",
    "Rows that are not settled, by state: waiting (for their time or a worker), claimed, sending, pending, unconfirmed, and "
    "held receipts. The oldest 200,000 are counted.",
    ["state"],
)
ROWS_AGE = Gauge(
    "notifications_rows_age_seconds", "How long the oldest of these rows has been in its state.", ["state"]
)

AUDIT_FAULTS = Counter(
    "notifications_audit_faults_total",
    "What does not come out even, by kind (lost, stranded, stuck): each is to be looked at, at once.",
    ["fault"],
)
AUDITED = Gauge(
    "notifications_audited",
    "Notifications of the current hour by lane topic and how far they came: accepted (records that the persister has "
    "finished), persisted, claimed, taken (by a provider), settled. Counted every ten minutes.",
    ["topic", "stage"],
)

SWEPT = Counter("notifications_swept_total", "What a sweep found and settled, by sweep.", ["sweep"])

JOB_ROWS = Counter(
    "notifications_job_rows_total",
    "Rows of CSV jobs by type and what became of them at reading: published, refused.",
    ["type", "result"],
)
JOBS_STOPPED = Counter(
    "notifications_jobs_stopped_total", "CSV jobs stopped because their file can't be read on, by reason.", ["reason"]
)

CLAIMS = Counter(
    "notifications_claims_total", "Attempts to claim, by topic and result (claimed, skipped).", ["topic", "result"]
)
PROVIDER_CALLS = Counter(
    "notifications_provider_calls_total",
    "Calls to a provider by how they ended: accepted, temporary, permanent, uncertain.",
    ["provider", "outcome"],
)
PROVIDER_SECONDS = Histogram(
    "notifications_provider_seconds", "Seconds that a provider took to answer.", ["provider"], buckets=STEP
)
IN_FLIGHT = Gauge("notifications_provider_in_flight", "Calls to a provider under way.", ["provider"])
PROVIDER_WEIGHT = Gauge(
    "notifications_provider_weight",
    "Share of a topic's traffic that a process gives to a provider, in points of 100.",
    ["topic", "provider"],
)
TO_PROVIDER_SECONDS = Histogram(
    "notifications_to_provider_seconds",
    "Seconds from acceptance to the call of the provider, first attempts only, by topic.",
    ["topic"],
    buckets=TO_PROVIDER,
)
SENDS_REFUSED = Counter(
    "notifications_sends_refused_total",
    "Sends that a provider refused for good, not for the recipient's sake but for the request's, by provider.",
    ["provider"],
)
UNCONFIRMED = Counter(
    "notifications_unconfirmed_total",
    "Sends that the provider may have, without a clear answer, by provider.",
    ["provider"],
)

RECEIPTS = Counter(
    "notifications_receipts_total",
    "Receipts received, by provider and the status they are mapped to.",
    ["provider", "status"],
)
RECEIPTS_UNKNOWN = Counter(
    "notifications_receipts_unknown_total",
    "Receipts with a status that is in no table, taken for a technical failure, by provider.",
    ["provider"],
)
RECEIPTS_REFUSED = Counter(
    "notifications_receipts_refused_total", "Receipts refused, by provider and reason.", ["provider", "reason"]
)
RECEIPTS_APPLIED = Counter(
    "notifications_receipts_applied_total",
    "Receipts handled, by provider and result: moved, ignored (a move that is not listed), held (unknown as yet), dropped (held "
    "in vain), complaint.",
    ["provider", "result"],
)
TO_FINAL_SECONDS = Histogram(
    "notifications_to_final_seconds",
    "Seconds from acceptance to a final status, by type.",
    ["type"],
    buckets=TO_RECEIPT,
)

POOL_IN_USE = Gauge("notifications_pool_in_use", "Database connections in use, by pool.", ["pool"])
POOL_SIZE = Gauge("notifications_pool_size", "Database connections that a pool has at most.", ["pool"])
PUBLISHING = Gauge(
    "notifications_publishing", "Messages of calls that were handed to Kafka and are not acknowledged yet."
)
PUBLISHING_FILL = Gauge(
    "notifications_publishing_fill_ratio",
    "How much of the room for these messages is taken: at 1, calls are refused as OVERLOADED.",
)
LEASES = Gauge(
    "notifications_leases", "Blocks of services' daily allowances that this process holds, by type.", ["type"]
)
LEASING = Counter(
    "notifications_leasing_total",
    "Requests for a block of a service's daily allowance, by type and result: granted, used-up (the limit is reached), failed "
    "(the database did not answer).",
    ["type", "result"],
)
LEASED_LEFT = Gauge("notifications_leased_left", "Notifications that these blocks still allow, by type.", ["type"])

CERTIFICATE_EXPIRES = Gauge(
    "notifications_certificate_expires_seconds",
    "When a certificate that is shown expires, in seconds since 1970, by who shows it (api).",
    ["shown_by"],
)
