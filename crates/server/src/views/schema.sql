CREATE TABLE IF NOT EXISTS progress (one INTEGER PRIMARY KEY CHECK (one = 1), entries INTEGER NOT NULL);
INSERT OR IGNORE INTO progress (one, entries) VALUES (1, 0);
CREATE TABLE IF NOT EXISTS entry (
  number INTEGER PRIMARY KEY, kind TEXT NOT NULL, host TEXT, person TEXT, party TEXT, seq INTEGER,
  observed INTEGER NOT NULL, received INTEGER NOT NULL, bytes INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS entry_kind ON entry(kind, number);
CREATE INDEX IF NOT EXISTS entry_kind_host ON entry(kind, host, number);
CREATE INDEX IF NOT EXISTS entry_host ON entry(host, number);
CREATE INDEX IF NOT EXISTS entry_seq ON entry(host, seq) WHERE seq IS NOT NULL;
CREATE INDEX IF NOT EXISTS entry_person ON entry(person, number);
CREATE INDEX IF NOT EXISTS entry_by_people ON entry(number) WHERE party IS NOT NULL;
CREATE INDEX IF NOT EXISTS entry_by_server ON entry(number) WHERE party IS NULL AND seq IS NULL;
CREATE INDEX IF NOT EXISTS entry_received ON entry(received);
CREATE TABLE IF NOT EXISTS change (
  duty TEXT NOT NULL, system TEXT NOT NULL, at INTEGER NOT NULL, standing TEXT NOT NULL, verdict TEXT NOT NULL,
  PRIMARY KEY (duty, system, at));
CREATE INDEX IF NOT EXISTS change_at ON change(at);
CREATE TABLE IF NOT EXISTS comment (
  number INTEGER PRIMARY KEY, about TEXT NOT NULL, person TEXT NOT NULL, party TEXT NOT NULL, at INTEGER NOT NULL,
  digest TEXT NOT NULL UNIQUE);
CREATE INDEX IF NOT EXISTS comment_about ON comment(about, at);
CREATE TABLE IF NOT EXISTS compared (
  host TEXT PRIMARY KEY, serial INTEGER NOT NULL, inventory INTEGER NOT NULL, at INTEGER NOT NULL, untold TEXT,
  exploited INTEGER NOT NULL, updates INTEGER NOT NULL, open INTEGER NOT NULL, unknown INTEGER NOT NULL,
  not_fixed INTEGER NOT NULL, not_affected INTEGER NOT NULL, fixed INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS concern (
  host TEXT NOT NULL, place TEXT NOT NULL, id TEXT, source TEXT NOT NULL, version TEXT NOT NULL, status TEXT NOT NULL,
  fixed_version TEXT, note TEXT, exploited INTEGER, epss INTEGER, PRIMARY KEY (host, place)) WITHOUT ROWID;
