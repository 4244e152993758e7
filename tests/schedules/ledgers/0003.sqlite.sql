-- A ledger as the program of revision 0003 left it: that of 0002 and one more run, which somebody cancelled.
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
INSERT INTO "alembic_version" VALUES('0003');
CREATE TABLE lease (
	id INTEGER NOT NULL, 
	owner TEXT, 
	token INTEGER NOT NULL, 
	expires DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "lease" VALUES(1,'host:1:1:m',4,'2026-11-22 09:20:30.000000');
CREATE TABLE marks (
	schedule VARCHAR(63) NOT NULL, 
	until DATETIME NOT NULL, 
	timing VARCHAR(16) NOT NULL, 
	PRIMARY KEY (schedule)
);
INSERT INTO "marks" VALUES('nightly','2026-11-22 09:20:00.000000','f9ebcec2fa8d63e4');
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
