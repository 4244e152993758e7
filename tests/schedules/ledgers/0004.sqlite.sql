-- A ledger as the program of revision 0004 left it: that of 0003 and one more run, with its report.
BEGIN TRANSACTION;
CREATE TABLE alarms (
	id INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	site VARCHAR(63), 
	schedule VARCHAR(63), 
	severity VARCHAR(16) NOT NULL, 
	what TEXT NOT NULL, 
	remedy TEXT NOT NULL, 
	figures JSON NOT NULL, 
	first_seen DATETIME NOT NULL, 
	last_seen DATETIME NOT NULL, 
	times INTEGER NOT NULL, 
	told_at DATETIME, 
	closed_at DATETIME, 
	muted_until DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "alarms" VALUES(1,'silent hualong','silent','hualong',NULL,'warning','brought nothing','look at it','{}','2026-11-22 09:30:00.000000','2026-11-22 09:30:00.000000',1,NULL,NULL,NULL);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0004');
CREATE TABLE lease (
	id INTEGER NOT NULL, 
	owner TEXT, 
	token INTEGER NOT NULL, 
	expires DATETIME, serves JSON, 
	PRIMARY KEY (id)
);
INSERT INTO "lease" VALUES(1,'host:1:1:m',4,'2026-11-22 09:20:30.000000',NULL);
CREATE TABLE marks (
	schedule VARCHAR(63) NOT NULL, 
	until DATETIME NOT NULL, 
	timing VARCHAR(16) NOT NULL, begun DATETIME, 
	PRIMARY KEY (schedule)
);
INSERT INTO "marks" VALUES('nightly','2026-11-22 09:20:00.000000','f9ebcec2fa8d63e4','2026-11-22 04:00:00.000000');
CREATE TABLE paused (
	schedule VARCHAR(63) NOT NULL, 
	why TEXT, 
	"by" TEXT, 
	at DATETIME NOT NULL, 
	PRIMARY KEY (schedule)
);
INSERT INTO "paused" VALUES('weekly','搬家','wang','2026-11-22 09:30:00.000000');
CREATE TABLE runs (
	id INTEGER NOT NULL, 
	schedule VARCHAR(63) NOT NULL, 
	scheduled_for DATETIME NOT NULL, 
	start_after DATETIME NOT NULL, 
	cause VARCHAR(16) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	why TEXT, 
	sites JSON NOT NULL, 
	"plan" JSON, 
	started DATETIME, 
	finished DATETIME, 
	heartbeat DATETIME, 
	owner TEXT, 
	step VARCHAR(16), 
	attempts INTEGER NOT NULL, 
	counts JSON NOT NULL, 
	version TEXT, report JSON, not_before DATETIME, retries INTEGER DEFAULT '0' NOT NULL, asked_by TEXT, cancel TEXT, 
	PRIMARY KEY (id), 
	UNIQUE (schedule, scheduled_for)
);
INSERT INTO "runs" VALUES(1,'nightly','2026-11-22 04:00:00.000000','2026-11-22 04:00:00.000000','timer','done',NULL,'["hualong"]','{"sites": ["hualong"], "steps": ["crawl", "publish"]}','2026-11-22 04:00:00.000000','2026-11-22 05:00:00.000000','2026-11-22 05:00:00.000000','host:1:1:m','publish',1,'{"crawl": {"ok": true, "why": null, "seconds": 12.5, "report": [{"site": "hualong", "pages": 31}]}}','2026-11-22.1',NULL,NULL,0,NULL,NULL);
INSERT INTO "runs" VALUES(2,'nightly','2026-11-22 05:00:00.000000','2026-11-22 05:00:00.000000','timer','skipped','run 1 (for 2026-11-22 04:00 UTC) was still running (overlap: skip)','[]',NULL,NULL,'2026-11-22 05:00:00.000000',NULL,NULL,NULL,0,'{}',NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO "runs" VALUES(3,'nightly','2026-11-22 09:00:00.000000','2026-11-22 09:20:00.000000','catch_up','due','caught up 20m late (missed: latest)','[]',NULL,NULL,NULL,NULL,NULL,NULL,0,'{}',NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO "runs" VALUES(4,'nightly','2026-11-22 06:00:00.000000','2026-11-22 06:00:00.000000','timer','missed','no scheduler was running at this time, 3h 20m before one came back (missed: latest); the run of 2026-11-22 09:00 UTC stands for it','[]',NULL,NULL,'2026-11-22 09:20:00.000000',NULL,NULL,NULL,0,'{}',NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO "runs" VALUES(5,'nightly','2026-11-22 07:00:00.000000','2026-11-22 07:00:00.000000','timer','missed','no scheduler was running at this time, 2h 20m before one came back (missed: latest); the run of 2026-11-22 09:00 UTC stands for it','[]',NULL,NULL,'2026-11-22 09:20:00.000000',NULL,NULL,NULL,0,'{}',NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO "runs" VALUES(6,'nightly','2026-11-22 08:00:00.000000','2026-11-22 08:00:00.000000','timer','missed','no scheduler was running at this time, 1h 20m before one came back (missed: latest); the run of 2026-11-22 09:00 UTC stands for it','[]',NULL,NULL,'2026-11-22 09:20:00.000000',NULL,NULL,NULL,0,'{}',NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO "runs" VALUES(7,'manual','2026-11-22 09:20:00.000000','2026-11-22 09:20:00.000000','manual','failed','site wengao: 讲话 ''没有'' 读到','["wengao"]','{"sites": ["wengao"]}','2026-11-22 09:20:00.000000','2026-11-22 09:20:00.000000','2026-11-22 09:20:00.000000','host:2:2:m',NULL,1,'{}',NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO "runs" VALUES(8,'weekly','2026-11-22 09:30:00.000000','2026-11-22 09:30:00.000000','timer','failed','crawl: no net','[]',NULL,NULL,'2026-11-22 09:30:00.000000',NULL,NULL,NULL,0,'{}',NULL,'{"pages": {"new": 3}}','2026-11-22 09:30:00.000000',0,'wang',NULL);
INSERT INTO "runs" VALUES(9,'nightly','2026-11-22 09:40:00.000000','2026-11-22 09:40:00.000000','now','failed','cancelled by li: 太慢, in step crawl; what it kept is kept','["hualong"]',NULL,'2026-11-22 09:40:01.000000','2026-11-22 09:41:00.000000',NULL,NULL,NULL,1,'{}',NULL,NULL,NULL,0,'wang','cancelled by li: 太慢');
INSERT INTO "runs" VALUES(10,'nightly','2026-11-22 09:45:00.000000','2026-11-22 09:45:00.000000','timer','done',NULL,'["hualong"]','{"sites": ["hualong"]}','2026-11-22 09:45:00.000000','2026-11-22 09:50:00.000000','2026-11-22 09:50:00.000000','host:1:1:m','publish',1,'{"crawl": {"ok": true, "why": null, "seconds": 12.5, "report": {"sites": [{"site": "hualong", "error": null, "requests": 100, "bytes": 5000000, "new": 10, "changed": 5, "unchanged": 85, "gone": 0, "errors": 0, "disallowed": 0, "lost_to_robots": 0, "known": 120, "queued": 0, "finished": true, "seconds": 100.0, "reasons": {}, "hosts": [{"host": "hualong.example.com", "requests": 100, "bytes": 5000000, "delay_shortest": 1.0, "delay_median": 1.1, "answer_median": 0.2}], "lists_stated": 0, "lists_complete": 0, "lists": []}]}, "waiting": false}, "extract": {"ok": true, "why": null, "seconds": 12.5, "report": {"seconds": 3.0, "ok": true, "sites": [{"site": "hualong", "articles": 94, "read": 15, "speeches": 90, "fates": {"speech": 80, "preview": 10, "list": 12, "off_topic": 3, "soft_404": 1}, "poison": [], "damaged": [], "error": null, "fresh": {"articles": 15, "speeches": 14, "fates": {"speech": 12, "preview": 2, "off_topic": 1}, "flags": {}, "chars_median": 2400}}]}, "waiting": false}, "publish": {"ok": true, "why": null, "seconds": 12.5, "report": {"version": "2026-11-02.1", "rows": 90, "added": 9, "changed": 2, "removed": 1, "gates": [], "sites": {"muduo": {"rows": 90, "added": 9, "changed": 2, "removed": 1}}}, "waiting": false}}','2026-11-22.1','{"format": "jianghua-run-report-1", "run": 10, "schedule": "nightly", "cause": "timer", "state": "done", "why": null, "scheduled_for": "2026-11-22T09:45:00Z", "started": "2026-11-22T09:45:00Z", "finished": "2026-11-22T09:50:00Z", "seconds": 300.0, "dataset": "speeches", "stages": [{"step": "crawl", "ok": true, "waiting": false, "seconds": 12.5, "why": null}, {"step": "extract", "ok": true, "waiting": false, "seconds": 12.5, "why": null}, {"step": "publish", "ok": true, "waiting": false, "seconds": 12.5, "why": null}], "sites": [{"site": "hualong", "error": null, "crawl": {"new": 10, "changed": 5, "unchanged": 85, "not_modified": 0, "gone": 0, "failed": 0, "failures": {}, "disallowed": 0, "newly_disallowed": 0, "lost_to_robots": 0, "redirects": 0, "not_html": 0, "retries": 0, "requests": 100, "bytes": 5000000, "known": 120, "queued": 0, "seconds": 100.0, "finished": true, "hosts": [{"host": "hualong.example.com", "requests": 100, "bytes": 5000000, "delay_shortest": 1.0, "delay_median": 1.1, "answer_median": 0.2}], "lists_stated": 0, "lists_complete": 0, "lists": []}, "extract": {"articles": 94, "read": 15, "speeches": 90, "previews": 10, "rejects": {"off_topic": 3, "soft_404": 1}, "fates": {"speech": 80, "preview": 10, "list": 12, "off_topic": 3, "soft_404": 1}, "fresh": {"articles": 15, "speeches": 14, "fates": {"speech": 12, "preview": 2, "off_topic": 1}, "flags": {}, "chars_median": 2400}, "poison": 0, "damaged": 0, "profile": null}, "publish": null}], "total": {"site": "", "error": null, "crawl": {"new": 10, "changed": 5, "unchanged": 85, "not_modified": 0, "gone": 0, "failed": 0, "failures": {}, "disallowed": 0, "newly_disallowed": 0, "lost_to_robots": 0, "redirects": 0, "not_html": 0, "retries": 0, "requests": 100, "bytes": 5000000, "known": 120, "queued": 0, "seconds": 100.0, "finished": true, "hosts": [], "lists_stated": 0, "lists_complete": 0, "lists": []}, "extract": {"articles": 94, "read": 15, "speeches": 90, "previews": 10, "rejects": {"off_topic": 3, "soft_404": 1}, "fates": {"speech": 80, "list": 12, "preview": 10, "off_topic": 3, "soft_404": 1}, "fresh": {"articles": 15, "speeches": 14, "fates": {"speech": 12, "preview": 2, "off_topic": 1}, "flags": {}, "chars_median": null}, "poison": 0, "damaged": 0, "profile": null}, "publish": {"rows": 90, "added": 9, "changed": 2, "removed": 1}}, "version": "2026-11-22.1", "published": {"rows": 90, "added": 9, "changed": 2, "removed": 1}, "gates": []}',NULL,0,NULL,NULL);
CREATE TABLE told (
	alarm INTEGER NOT NULL, 
	channel VARCHAR(32) NOT NULL, 
	tries INTEGER NOT NULL, 
	at DATETIME, 
	error TEXT, 
	event VARCHAR(16), 
	severity VARCHAR(16), 
	tried_at DATETIME, 
	PRIMARY KEY (alarm, channel)
);
INSERT INTO "told" VALUES(1,'log',1,'2026-11-22 09:30:00.000000',NULL,'opened','warning',NULL);
CREATE INDEX ix_runs_state ON runs (state);
CREATE UNIQUE INDEX ix_alarms_open ON alarms ("key") WHERE closed_at IS NULL;
COMMIT;
