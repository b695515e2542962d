-- Tenants, called services.
CREATE TABLE services (
    id                    uuid PRIMARY KEY,
    name                  text NOT NULL UNIQUE,
    reply_to_addresses    text[] NOT NULL DEFAULT '{}',   -- the first is the default
    sms_senders           text[] NOT NULL DEFAULT '{}',   -- the first is the default
    sms_prefix            boolean NOT NULL DEFAULT true,  -- "Name: " before each text
    sms_daily_limit       integer NOT NULL DEFAULT 250000,
    email_daily_limit     integer NOT NULL DEFAULT 250000,
    rate_per_minute       integer NOT NULL DEFAULT 3000,
    retention_days        integer NOT NULL DEFAULT 7,
    trial                 boolean NOT NULL DEFAULT false,
    suspended             boolean NOT NULL DEFAULT false,
    unconfirmed_policy    text NOT NULL DEFAULT 'FAIL' CHECK (unconfirmed_policy IN ('FAIL', 'RESEND')),
    created_at            timestamptz NOT NULL DEFAULT now(),
    updated_at            timestamptz NOT NULL DEFAULT now()
);

-- Whom trial services and team keys may write to. The recipient is personal data: sealed, and found by its keyed hash.
CREATE TABLE guests (
    service_id            uuid NOT NULL REFERENCES services,
    recipient_hash        bytea NOT NULL,
    guest_id              uuid NOT NULL,                  -- what `sealed` is bound to
    sealed                bytea NOT NULL,
    created_at            timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (service_id, recipient_hash)
);
CREATE INDEX guests_of_service ON guests (service_id, guest_id);
CREATE UNIQUE INDEX guests_by_id ON guests (guest_id);

CREATE TABLE api_keys (
    id                    uuid PRIMARY KEY,
    service_id            uuid NOT NULL REFERENCES services,
    name                  text NOT NULL,
    key_type              text NOT NULL CHECK (key_type IN ('live', 'team', 'test')),
    secret_hash           bytea NOT NULL,                 -- SHA-256 of 32 random bytes: nothing to stretch
    created_at            timestamptz NOT NULL DEFAULT now(),
    revoked_at            timestamptz,
    last_used_at          timestamptz
);
CREATE INDEX api_keys_of_service ON api_keys (service_id, id);

CREATE TABLE templates (
    id                    uuid PRIMARY KEY,
    service_id            uuid NOT NULL REFERENCES services,
    notification_type     text NOT NULL CHECK (notification_type IN ('sms', 'email')),
    name                  text NOT NULL,
    version               integer NOT NULL DEFAULT 1,     -- the current one
    archived_at           timestamptz,
    created_at            timestamptz NOT NULL DEFAULT now(),
    updated_at            timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX templates_of_service ON templates (service_id, id);

-- A version never changes, so it can be cached for ever.
CREATE TABLE template_versions (
    template_id           uuid NOT NULL REFERENCES templates,
    version               integer NOT NULL,
    name                  text NOT NULL,
    subject               text,
    content               text NOT NULL,
    created_at            timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (template_id, version)
);

CREATE TABLE jobs (
    id                    uuid PRIMARY KEY,
    service_id            uuid NOT NULL REFERENCES services,
    template_id           uuid NOT NULL REFERENCES templates,
    template_version      integer NOT NULL,
    notification_type     text NOT NULL,
    key_type              text NOT NULL,
    content_hash          bytea NOT NULL,                 -- tells a repeated call from another under the same request_id
    status                text NOT NULL DEFAULT 'ready' CHECK (status IN ('ready', 'reading', 'stopped', 'read', 'cancelled')),
    file_name             text NOT NULL DEFAULT '',
    object_key            text NOT NULL,
    etag                  text NOT NULL,                  -- of the content that was checked; no other is read
    size_bytes            bigint NOT NULL,
    encoding              text NOT NULL,
    total_rows            integer NOT NULL,               -- empty ones are not counted
    refused_rows          integer NOT NULL,
    published_rows        integer NOT NULL DEFAULT 0,     -- acknowledged by Kafka
    next_row              integer NOT NULL DEFAULT 1,     -- rows before it are published, refused or empty
    reply_to              text NOT NULL DEFAULT '',
    sms_sender            text NOT NULL DEFAULT '',
    reserved              integer NOT NULL DEFAULT 0,     -- charged to the daily allowance; what is not sent goes back
    reserved_day          date NOT NULL,
    error                 text NOT NULL DEFAULT '',       -- why it stopped
    failures              smallint NOT NULL DEFAULT 0,    -- attempts to read on that failed in a row
    send_at               timestamptz,
    next_try_at           timestamptz NOT NULL DEFAULT now(),  -- when a reader may take it, and its place in the queue
    claim_token           uuid,
    claim_expires_at      timestamptz,
    created_at            timestamptz NOT NULL DEFAULT now(),
    started_at            timestamptz,
    finished_at           timestamptz,
    file_erased_at        timestamptz,
    updated_at            timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX jobs_of_service ON jobs (service_id, id);
CREATE INDEX jobs_open ON jobs (next_try_at) WHERE status IN ('ready', 'reading', 'stopped');
CREATE INDEX jobs_to_erase ON jobs (finished_at) WHERE finished_at IS NOT NULL AND file_erased_at IS NULL;

-- Rows that are not sent, each with all that is wrong with it: [["column", "REASON"], ...].
CREATE TABLE job_problems (
    job_id                uuid NOT NULL REFERENCES jobs,
    row_number            integer NOT NULL,
    problems              jsonb NOT NULL,
    PRIMARY KEY (job_id, row_number)
);

-- The daily allowance: one row for a service, type and day, changed once for a block of notifications, never for each.
CREATE TABLE daily_allowances (
    service_id            uuid NOT NULL REFERENCES services,
    notification_type     text NOT NULL,
    day                   date NOT NULL,
    used                  integer NOT NULL DEFAULT 0,     -- charged or leased
    latest_block          integer NOT NULL DEFAULT 0,     -- what the statement that changed it gave
    PRIMARY KEY (service_id, notification_type, day)
);

-- Blocks in the memory of a process: giving one back needs its row, so that no block is given back twice.
CREATE TABLE allowance_leases (
    holder                uuid NOT NULL,
    service_id            uuid NOT NULL,
    notification_type     text NOT NULL,
    day                   date NOT NULL,
    held                  integer NOT NULL,
    expires_at            timestamptz NOT NULL,
    PRIMARY KEY (holder, service_id, notification_type, day)
);
CREATE INDEX allowance_leases_expiring ON allowance_leases (expires_at);

-- The token bucket of a service and key type, shared by all processes.
CREATE TABLE rate_buckets (
    service_id            uuid NOT NULL,
    key_type              text NOT NULL,
    tokens                double precision NOT NULL,
    latest_block          integer NOT NULL DEFAULT 0,     -- what the statement that changed it gave
    updated_at            timestamptz NOT NULL,
    PRIMARY KEY (service_id, key_type)
);

-- What is needed to send and to answer. Ids are UUIDv7, so partitions by id are partitions by time.
CREATE TABLE notifications (
    id                    uuid NOT NULL,
    service_id            uuid NOT NULL,
    notification_type     text NOT NULL,
    status                text NOT NULL,
    key_type              text NOT NULL,
    template_id           uuid NOT NULL,
    template_version      integer NOT NULL,
    job_id                uuid,
    job_row               integer,
    reference             text,
    sealed                bytea,                          -- null after the retention
    recipient_hash        bytea,                          -- null after the retention
    content_hash          bytea NOT NULL,
    parts                 smallint NOT NULL DEFAULT 0,
    encoding              smallint NOT NULL DEFAULT 0,
    reply_to              text NOT NULL DEFAULT '',
    sms_sender            text NOT NULL DEFAULT '',
    created_at            timestamptz NOT NULL,           -- when it was accepted
    persisted_at          timestamptz NOT NULL DEFAULT now(),
    send_at               timestamptz,
    next_attempt_at       timestamptz,                    -- when the due loop publishes it (again)
    due                   boolean NOT NULL DEFAULT true,  -- may be claimed now; false while a retry or a schedule waits
    attempts              smallint NOT NULL DEFAULT 0,
    claim_token           uuid,
    claim_expires_at      timestamptz,
    provider              text,
    provider_reference    text,
    sent_at               timestamptz,
    completed_at          timestamptz,
    status_reason         text NOT NULL DEFAULT '',
    unconfirmed_at        timestamptz,
    resend                boolean NOT NULL DEFAULT false, -- an unconfirmed one that may be claimed again
    complained_at         timestamptz,
    updated_at            timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX notifications_of_service ON notifications (service_id, id);
CREATE INDEX notifications_of_recipient ON notifications (service_id, recipient_hash, id) WHERE recipient_hash IS NOT NULL;
CREATE INDEX notifications_of_reference ON notifications (service_id, reference, id) WHERE reference IS NOT NULL;
CREATE INDEX notifications_of_job ON notifications (job_id, job_row) WHERE job_id IS NOT NULL;
CREATE INDEX notifications_due ON notifications (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX notifications_claimed ON notifications (claim_expires_at) WHERE claim_expires_at IS NOT NULL;
CREATE INDEX notifications_unconfirmed ON notifications (unconfirmed_at) WHERE unconfirmed_at IS NOT NULL;
CREATE INDEX notifications_in_flight ON notifications (sent_at) WHERE status IN ('sending', 'pending');
CREATE INDEX notifications_of_provider ON notifications (provider_reference) WHERE provider_reference IS NOT NULL;
CREATE TABLE notifications_default PARTITION OF notifications DEFAULT;

-- The same without personal data. It outlives the notification; statistics are computed from it.
CREATE TABLE notification_history (
    id                    uuid NOT NULL,
    service_id            uuid NOT NULL,
    notification_type     text NOT NULL,
    status                text NOT NULL,
    key_type              text NOT NULL,
    template_id           uuid NOT NULL,
    template_version      integer NOT NULL,
    job_id                uuid,
    job_row               integer,
    parts                 smallint NOT NULL DEFAULT 0,
    created_at            timestamptz NOT NULL,
    send_at               timestamptz,
    attempts              smallint NOT NULL DEFAULT 0,
    provider              text,
    provider_reference    text,
    sent_at               timestamptz,
    completed_at          timestamptz,
    status_reason         text NOT NULL DEFAULT '',
    complained_at         timestamptz,
    updated_at            timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);
-- The open days of one service are counted without reading those of others. Neither column changes, so updates stay HOT.
CREATE INDEX notification_history_of_service ON notification_history (service_id, created_at);
CREATE TABLE notification_history_default PARTITION OF notification_history DEFAULT;

-- Every move of every notification: the history that a client sees and the stream that it watches. Only ever appended to.
CREATE TABLE notification_moves (
    notification_id       uuid NOT NULL,
    service_id            uuid NOT NULL,
    status                text NOT NULL,
    reason                text NOT NULL DEFAULT '',
    at                    timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_in            xid8 NOT NULL DEFAULT pg_current_xact_id()  -- orders the stream without missing a late commit
) PARTITION BY RANGE (notification_id);
CREATE INDEX notification_moves_of_notification ON notification_moves (notification_id, at);
CREATE INDEX notification_moves_of_service ON notification_moves (service_id, changed_in);
CREATE TABLE notification_moves_default PARTITION OF notification_moves DEFAULT;

-- Receipts for what is not known yet.
CREATE TABLE held_receipts (
    id                    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    notification_id       uuid,
    provider_reference    text NOT NULL DEFAULT '',
    provider              text NOT NULL,
    message               bytea NOT NULL,
    received_at           timestamptz NOT NULL,
    next_try_at           timestamptz NOT NULL,
    UNIQUE NULLS NOT DISTINCT (notification_id, provider_reference, message)
);
CREATE INDEX held_receipts_due ON held_receipts (next_try_at);

-- Closed days, rolled up once from the history.
CREATE TABLE daily_statistics (
    day                   date NOT NULL,
    service_id            uuid NOT NULL,
    template_id           uuid NOT NULL,
    notification_type     text NOT NULL,
    status                text NOT NULL,
    count                 bigint NOT NULL,
    PRIMARY KEY (service_id, day, template_id, notification_type, status)
);
CREATE TABLE closed_days (
    day                   date PRIMARY KEY,
    rolled_up_at          timestamptz NOT NULL DEFAULT now()
);
