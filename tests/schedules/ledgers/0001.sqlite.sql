-- A ledger as the program before revisions left it: a run done, one skipped, three missed, one due, one by hand.
BEGIN TRANSACTION;
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
	version TEXT, 
	PRIMARY KEY (id), 
	UNIQUE (schedule, scheduled_for)
);
INSERT INTO "runs" VALUES(1,'nightly','2026-11-22 04:00:00.000000','2026-11-22 04:00:00.000000','timer','done',NULL,'["hualong"]','{"sites": ["hualong"], "steps": ["crawl", "publish"]}','2026-11-22 04:00:00.000000','2026-11-22 05:00:00.000000','2026-11-22 05:00:00.000000','host:1:1:m','publish',1,'{"crawl": {"ok": true, "why": null, "seconds": 12.5, "report": [{"site": "hualong", "pages": 31}]}}','2026-11-22.1');
INSERT INTO "runs" VALUES(2,'nightly','2026-11-22 05:00:00.000000','2026-11-22 05:00:00.000000','timer','skipped','run 1 (for 2026-11-22 04:00 UTC) was still running (overlap: skip)','[]',NULL,NULL,'2026-11-22 05:00:00.000000',NULL,NULL,NULL,0,'{}',NULL);
INSERT INTO "runs" VALUES(3,'nightly','2026-11-22 09:00:00.000000','2026-11-22 09:20:00.000000','catch_up','due','caught up 20m late (missed: latest)','[]',NULL,NULL,NULL,NULL,NULL,NULL,0,'{}',NULL);
INSERT INTO "runs" VALUES(4,'nightly','2026-11-22 06:00:00.000000','2026-11-22 06:00:00.000000','timer','missed','no scheduler was running at this time, 3h 20m before one came back (missed: latest); the run of 2026-11-22 09:00 UTC stands for it','[]',NULL,NULL,'2026-11-22 09:20:00.000000',NULL,NULL,NULL,0,'{}',NULL);
INSERT INTO "runs" VALUES(5,'nightly','2026-11-22 07:00:00.000000','2026-11-22 07:00:00.000000','timer','missed','no scheduler was running at this time, 2h 20m before one came back (missed: latest); the run of 2026-11-22 09:00 UTC stands for it','[]',NULL,NULL,'2026-11-22 09:20:00.000000',NULL,NULL,NULL,0,'{}',NULL);
INSERT INTO "runs" VALUES(6,'nightly','2026-11-22 08:00:00.000000','2026-11-22 08:00:00.000000','timer','missed','no scheduler was running at this time, 1h 20m before one came back (missed: latest); the run of 2026-11-22 09:00 UTC stands for it','[]',NULL,NULL,'2026-11-22 09:20:00.000000',NULL,NULL,NULL,0,'{}',NULL);
INSERT INTO "runs" VALUES(7,'manual','2026-11-22 09:20:00.000000','2026-11-22 09:20:00.000000','manual','failed','site wengao: 讲话 ''没有'' 读到','["wengao"]','{"sites": ["wengao"]}','2026-11-22 09:20:00.000000','2026-11-22 09:20:00.000000','2026-11-22 09:20:00.000000','host:2:2:m',NULL,1,'{}',NULL);
CREATE INDEX ix_runs_state ON runs (state);
COMMIT;
