-- A ledger as the program of revision 0004 left it: that of 0003 and one more run, with its report.
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
    expires timestamp without time zone,
    serves json
);
CREATE TABLE marks (
    schedule character varying(63) NOT NULL,
    until timestamp without time zone NOT NULL,
    timing character varying(16) NOT NULL,
    begun timestamp without time zone
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
INSERT INTO alembic_version VALUES ('0004');
INSERT INTO lease VALUES (1, 'host:1:1:m', 4, '2026-11-22 09:20:30', NULL);
INSERT INTO marks VALUES ('nightly', '2026-11-22 09:20:00', 'f9ebcec2fa8d63e4', '2026-11-22 04:00:00');
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
INSERT INTO runs VALUES (10, 'nightly', '2026-11-22 09:45:00', '2026-11-22 09:45:00', 'timer', 'done', NULL, '["hualong"]', '{"sites": ["hualong"]}', '2026-11-22 09:45:00', '2026-11-22 09:50:00', '2026-11-22 09:50:00', 'host:1:1:m', 'publish', 1, '{"crawl": {"ok": true, "why": null, "seconds": 12.5, "report": {"sites": [{"site": "hualong", "error": null, "requests": 100, "bytes": 5000000, "new": 10, "changed": 5, "unchanged": 85, "gone": 0, "errors": 0, "disallowed": 0, "lost_to_robots": 0, "known": 120, "queued": 0, "finished": true, "seconds": 100.0, "reasons": {}, "hosts": [{"host": "hualong.example.com", "requests": 100, "bytes": 5000000, "delay_shortest": 1.0, "delay_median": 1.1, "answer_median": 0.2}], "lists_stated": 0, "lists_complete": 0, "lists": []}]}, "waiting": false}, "extract": {"ok": true, "why": null, "seconds": 12.5, "report": {"seconds": 3.0, "ok": true, "sites": [{"site": "hualong", "articles": 94, "read": 15, "speeches": 90, "fates": {"speech": 80, "preview": 10, "list": 12, "off_topic": 3, "soft_404": 1}, "poison": [], "damaged": [], "error": null, "fresh": {"articles": 15, "speeches": 14, "fates": {"speech": 12, "preview": 2, "off_topic": 1}, "flags": {}, "chars_median": 2400}}]}, "waiting": false}, "publish": {"ok": true, "why": null, "seconds": 12.5, "report": {"version": "2026-11-02.1", "rows": 90, "added": 9, "changed": 2, "removed": 1, "gates": [], "sites": {"muduo": {"rows": 90, "added": 9, "changed": 2, "removed": 1}}}, "waiting": false}}', '2026-11-22.1', '{"format": "jianghua-run-report-1", "run": 10, "schedule": "nightly", "cause": "timer", "state": "done", "why": null, "scheduled_for": "2026-11-22T09:45:00Z", "started": "2026-11-22T09:45:00Z", "finished": "2026-11-22T09:50:00Z", "seconds": 300.0, "dataset": "speeches", "stages": [{"step": "crawl", "ok": true, "waiting": false, "seconds": 12.5, "why": null}, {"step": "extract", "ok": true, "waiting": false, "seconds": 12.5, "why": null}, {"step": "publish", "ok": true, "waiting": false, "seconds": 12.5, "why": null}], "sites": [{"site": "hualong", "error": null, "crawl": {"new": 10, "changed": 5, "unchanged": 85, "not_modified": 0, "gone": 0, "failed": 0, "failures": {}, "disallowed": 0, "newly_disallowed": 0, "lost_to_robots": 0, "redirects": 0, "not_html": 0, "retries": 0, "requests": 100, "bytes": 5000000, "known": 120, "queued": 0, "seconds": 100.0, "finished": true, "hosts": [{"host": "hualong.example.com", "requests": 100, "bytes": 5000000, "delay_shortest": 1.0, "delay_median": 1.1, "answer_median": 0.2}], "lists_stated": 0, "lists_complete": 0, "lists": []}, "extract": {"articles": 94, "read": 15, "speeches": 90, "previews": 10, "rejects": {"off_topic": 3, "soft_404": 1}, "fates": {"speech": 80, "preview": 10, "list": 12, "off_topic": 3, "soft_404": 1}, "fresh": {"articles": 15, "speeches": 14, "fates": {"speech": 12, "preview": 2, "off_topic": 1}, "flags": {}, "chars_median": 2400}, "poison": 0, "damaged": 0, "profile": null}, "publish": null}], "total": {"site": "", "error": null, "crawl": {"new": 10, "changed": 5, "unchanged": 85, "not_modified": 0, "gone": 0, "failed": 0, "failures": {}, "disallowed": 0, "newly_disallowed": 0, "lost_to_robots": 0, "redirects": 0, "not_html": 0, "retries": 0, "requests": 100, "bytes": 5000000, "known": 120, "queued": 0, "seconds": 100.0, "finished": true, "hosts": [], "lists_stated": 0, "lists_complete": 0, "lists": []}, "extract": {"articles": 94, "read": 15, "speeches": 90, "previews": 10, "rejects": {"off_topic": 3, "soft_404": 1}, "fates": {"speech": 80, "list": 12, "preview": 10, "off_topic": 3, "soft_404": 1}, "fresh": {"articles": 15, "speeches": 14, "fates": {"speech": 12, "preview": 2, "off_topic": 1}, "flags": {}, "chars_median": null}, "poison": 0, "damaged": 0, "profile": null}, "publish": {"rows": 90, "added": 9, "changed": 2, "removed": 1}}, "version": "2026-11-22.1", "published": {"rows": 90, "added": 9, "changed": 2, "removed": 1}, "gates": []}', NULL, 0, NULL, NULL);
INSERT INTO told VALUES (1, 'log', 1, '2026-11-22 09:30:00', NULL, 'opened', 'warning', NULL);
SELECT pg_catalog.setval('alarms_id_seq', 1, true);
SELECT pg_catalog.setval('runs_id_seq', 10, true);
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
