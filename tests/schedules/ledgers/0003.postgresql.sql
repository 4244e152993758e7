-- A ledger as the program of revision 0003 left it: that of 0002 and one more run, which somebody cancelled.
CREATE TABLE alarms (
    id integer NOT NULL,
    key text NOT NULL,
    kind character varying(32) NOT NULL,
    site character varying(63),
    schedule character varying(63),
    severity character varying(16) NOT NULL,
    what text NOT NULL,
    remedy text NOT NULL,
    figures json NOT NULL,
    first_seen timestamp without time zone NOT NULL,
    last_seen timestamp without time zone NOT NULL,
    times integer NOT NULL,
    told_at timestamp without time zone,
    closed_at timestamp without time zone,
    muted_until timestamp without time zone
);
CREATE SEQUENCE alarms_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE alarms_id_seq OWNED BY alarms.id;
CREATE TABLE alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE lease (
    id integer NOT NULL,
    owner text,
    token integer NOT NULL,
    expires timestamp without time zone
);
CREATE TABLE marks (
    schedule character varying(63) NOT NULL,
    until timestamp without time zone NOT NULL,
    timing character varying(16) NOT NULL
);
CREATE TABLE paused (
    schedule character varying(63) NOT NULL,
    why text,
    by text,
    at timestamp without time zone NOT NULL
);
CREATE TABLE runs (
    id integer NOT NULL,
    schedule character varying(63) NOT NULL,
    scheduled_for timestamp without time zone NOT NULL,
    start_after timestamp without time zone NOT NULL,
    cause character varying(16) NOT NULL,
    state character varying(16) NOT NULL,
    why text,
    sites json NOT NULL,
    plan json,
    started timestamp without time zone,
    finished timestamp without time zone,
    heartbeat timestamp without time zone,
    owner text,
    step character varying(16),
    attempts integer NOT NULL,
    counts json NOT NULL,
    version text,
    report json,
    not_before timestamp without time zone,
    retries integer DEFAULT 0 NOT NULL,
    asked_by text,
    cancel text
);
CREATE SEQUENCE runs_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE runs_id_seq OWNED BY runs.id;
CREATE TABLE told (
    alarm integer NOT NULL,
    channel character varying(32) NOT NULL,
    tries integer NOT NULL,
    at timestamp without time zone,
    error text,
    event character varying(16),
    severity character varying(16),
    tried_at timestamp without time zone
);
ALTER TABLE ONLY alarms ALTER COLUMN id SET DEFAULT nextval('alarms_id_seq'::regclass);
ALTER TABLE ONLY runs ALTER COLUMN id SET DEFAULT nextval('runs_id_seq'::regclass);
INSERT INTO alarms VALUES (1, 'silent hualong', 'silent', 'hualong', NULL, 'warning', 'brought nothing', 'look at it', '{}', '2026-11-22 09:30:00', '2026-11-22 09:30:00', 1, NULL, NULL, NULL);
INSERT INTO alembic_version VALUES ('0003');
INSERT INTO lease VALUES (1, 'host:1:1:m', 4, '2026-11-22 09:20:30');
INSERT INTO marks VALUES ('nightly', '2026-11-22 09:20:00', 'f9ebcec2fa8d63e4');
INSERT INTO paused VALUES ('weekly', '搬家', 'wang', '2026-11-22 09:30:00');
INSERT INTO runs VALUES (2, 'nightly', '2026-11-22 05:00:00', '2026-11-22 05:00:00', 'timer', 'skipped', 'run 1 (for 2026-11-22 04:00 UTC) was still running (overlap: skip)', '[]', NULL, NULL, '2026-11-22 05:00:00', NULL, NULL, NULL, 0, '{}', NULL, NULL, NULL, 0, NULL, NULL);
INSERT INTO runs VALUES (1, 'nightly', '2026-11-22 04:00:00', '2026-11-22 04:00:00', 'timer', 'done', NULL, '["hualong"]', '{"sites": ["hualong"], "steps": ["crawl", "publish"]}', '2026-11-22 04:00:00', '2026-11-22 05:00:00', '2026-11-22 05:00:00', 'host:1:1:m', 'publish', 1, '{"crawl": {"ok": true, "why": null, "seconds": 12.5, "report": [{"site": "hualong", "pages": 31}]}}', '2026-11-22.1', NULL, NULL, 0, NULL, NULL);
INSERT INTO runs VALUES (3, 'nightly', '2026-11-22 09:00:00', '2026-11-22 09:20:00', 'catch_up', 'due', 'caught up 20m late (missed: latest)', '[]', NULL, NULL, NULL, NULL, NULL, NULL, 0, '{}', NULL, NULL, NULL, 0, NULL, NULL);
INSERT INTO runs VALUES (4, 'nightly', '2026-11-22 06:00:00', '2026-11-22 06:00:00', 'timer', 'missed', 'no scheduler was running at this time, 3h 20m before one came back (missed: latest); the run of 2026-11-22 09:00 UTC stands for it', '[]', NULL, NULL, '2026-11-22 09:20:00', NULL, NULL, NULL, 0, '{}', NULL, NULL, NULL, 0, NULL, NULL);
INSERT INTO runs VALUES (5, 'nightly', '2026-11-22 07:00:00', '2026-11-22 07:00:00', 'timer', 'missed', 'no scheduler was running at this time, 2h 20m before one came back (missed: latest); the run of 2026-11-22 09:00 UTC stands for it', '[]', NULL, NULL, '2026-11-22 09:20:00', NULL, NULL, NULL, 0, '{}', NULL, NULL, NULL, 0, NULL, NULL);
INSERT INTO runs VALUES (6, 'nightly', '2026-11-22 08:00:00', '2026-11-22 08:00:00', 'timer', 'missed', 'no scheduler was running at this time, 1h 20m before one came back (missed: latest); the run of 2026-11-22 09:00 UTC stands for it', '[]', NULL, NULL, '2026-11-22 09:20:00', NULL, NULL, NULL, 0, '{}', NULL, NULL, NULL, 0, NULL, NULL);
INSERT INTO runs VALUES (7, 'manual', '2026-11-22 09:20:00', '2026-11-22 09:20:00', 'manual', 'failed', 'site wengao: 讲话 ''没有'' 读到', '["wengao"]', '{"sites": ["wengao"]}', '2026-11-22 09:20:00', '2026-11-22 09:20:00', '2026-11-22 09:20:00', 'host:2:2:m', NULL, 1, '{}', NULL, NULL, NULL, 0, NULL, NULL);
INSERT INTO runs VALUES (8, 'weekly', '2026-11-22 09:30:00', '2026-11-22 09:30:00', 'timer', 'failed', 'crawl: no net', '[]', NULL, NULL, '2026-11-22 09:30:00', NULL, NULL, NULL, 0, '{}', NULL, '{"pages": {"new": 3}}', '2026-11-22 09:30:00', 0, 'wang', NULL);
INSERT INTO runs VALUES (9, 'nightly', '2026-11-22 09:40:00', '2026-11-22 09:40:00', 'now', 'failed', 'cancelled by li: 太慢, in step crawl; what it kept is kept', '["hualong"]', NULL, '2026-11-22 09:40:01', '2026-11-22 09:41:00', NULL, NULL, NULL, 1, '{}', NULL, NULL, NULL, 0, 'wang', 'cancelled by li: 太慢');
INSERT INTO told VALUES (1, 'log', 1, '2026-11-22 09:30:00', NULL, 'opened', 'warning', NULL);
SELECT pg_catalog.setval('alarms_id_seq', 1, true);
SELECT pg_catalog.setval('runs_id_seq', 9, true);
ALTER TABLE ONLY alarms
    ADD CONSTRAINT alarms_pkey PRIMARY KEY (id);
ALTER TABLE ONLY alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY lease
    ADD CONSTRAINT lease_pkey PRIMARY KEY (id);
ALTER TABLE ONLY marks
    ADD CONSTRAINT marks_pkey PRIMARY KEY (schedule);
ALTER TABLE ONLY paused
    ADD CONSTRAINT paused_pkey PRIMARY KEY (schedule);
ALTER TABLE ONLY runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY runs
    ADD CONSTRAINT runs_schedule_scheduled_for_key UNIQUE (schedule, scheduled_for);
ALTER TABLE ONLY told
    ADD CONSTRAINT told_pkey PRIMARY KEY (alarm, channel);
CREATE UNIQUE INDEX ix_alarms_open ON alarms USING btree (key) WHERE (closed_at IS NULL);
CREATE INDEX ix_runs_state ON runs USING btree (state);
