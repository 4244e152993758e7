-- A ledger as the program before revisions left it: a run done, one skipped, three missed, one due, one by hand.
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
    version text
);
CREATE SEQUENCE runs_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE runs_id_seq OWNED BY runs.id;
ALTER TABLE ONLY runs ALTER COLUMN id SET DEFAULT nextval('runs_id_seq'::regclass);
INSERT INTO lease VALUES (1, 'host:1:1:m', 4, '2026-11-22 09:20:30');
INSERT INTO marks VALUES ('nightly', '2026-11-22 09:20:00', 'f9ebcec2fa8d63e4');
INSERT INTO runs VALUES (2, 'nightly', '2026-11-22 05:00:00', '2026-11-22 05:00:00', 'timer', 'skipped', 'run 1 (for 2026-11-22 04:00 UTC) was still running (overlap: skip)', '[]', NULL, NULL, '2026-11-22 05:00:00', NULL, NULL, NULL, 0, '{}', NULL);
INSERT INTO runs VALUES (1, 'nightly', '2026-11-22 04:00:00', '2026-11-22 04:00:00', 'timer', 'done', NULL, '["hualong"]', '{"sites": ["hualong"], "steps": ["crawl", "publish"]}', '2026-11-22 04:00:00', '2026-11-22 05:00:00', '2026-11-22 05:00:00', 'host:1:1:m', 'publish', 1, '{"crawl": {"ok": true, "why": null, "seconds": 12.5, "report": [{"site": "hualong", "pages": 31}]}}', '2026-11-22.1');
INSERT INTO runs VALUES (3, 'nightly', '2026-11-22 09:00:00', '2026-11-22 09:20:00', 'catch_up', 'due', 'caught up 20m late (missed: latest)', '[]', NULL, NULL, NULL, NULL, NULL, NULL, 0, '{}', NULL);
INSERT INTO runs VALUES (4, 'nightly', '2026-11-22 06:00:00', '2026-11-22 06:00:00', 'timer', 'missed', 'no scheduler was running at this time, 3h 20m before one came back (missed: latest); the run of 2026-11-22 09:00 UTC stands for it', '[]', NULL, NULL, '2026-11-22 09:20:00', NULL, NULL, NULL, 0, '{}', NULL);
INSERT INTO runs VALUES (5, 'nightly', '2026-11-22 07:00:00', '2026-11-22 07:00:00', 'timer', 'missed', 'no scheduler was running at this time, 2h 20m before one came back (missed: latest); the run of 2026-11-22 09:00 UTC stands for it', '[]', NULL, NULL, '2026-11-22 09:20:00', NULL, NULL, NULL, 0, '{}', NULL);
INSERT INTO runs VALUES (6, 'nightly', '2026-11-22 08:00:00', '2026-11-22 08:00:00', 'timer', 'missed', 'no scheduler was running at this time, 1h 20m before one came back (missed: latest); the run of 2026-11-22 09:00 UTC stands for it', '[]', NULL, NULL, '2026-11-22 09:20:00', NULL, NULL, NULL, 0, '{}', NULL);
INSERT INTO runs VALUES (7, 'manual', '2026-11-22 09:20:00', '2026-11-22 09:20:00', 'manual', 'failed', 'site wengao: 讲话 ''没有'' 读到', '["wengao"]', '{"sites": ["wengao"]}', '2026-11-22 09:20:00', '2026-11-22 09:20:00', '2026-11-22 09:20:00', 'host:2:2:m', NULL, 1, '{}', NULL);
SELECT pg_catalog.setval('runs_id_seq', 7, true);
ALTER TABLE ONLY lease
    ADD CONSTRAINT lease_pkey PRIMARY KEY (id);
ALTER TABLE ONLY marks
    ADD CONSTRAINT marks_pkey PRIMARY KEY (schedule);
ALTER TABLE ONLY runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY runs
    ADD CONSTRAINT runs_schedule_scheduled_for_key UNIQUE (schedule, scheduled_for);
CREATE INDEX ix_runs_state ON runs USING btree (state);
