CREATE TABLE IF NOT EXISTS person (
  id TEXT PRIMARY KEY, login TEXT NOT NULL UNIQUE, role TEXT NOT NULL, post TEXT,
  valid_from INTEGER NOT NULL, valid_until INTEGER, left_at INTEGER, name_digest TEXT,
  entered INTEGER NOT NULL DEFAULT 0,
  password TEXT, totp BLOB, totp_step INTEGER NOT NULL DEFAULT 0, last_sign_in INTEGER);
CREATE TABLE IF NOT EXISTS session (
  digest BLOB PRIMARY KEY, name TEXT NOT NULL UNIQUE, person TEXT NOT NULL REFERENCES person(id), csrf TEXT NOT NULL,
  address TEXT NOT NULL, created INTEGER NOT NULL, used INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS session_person ON session(person);
CREATE TABLE IF NOT EXISTS link (
  digest BLOB PRIMARY KEY, person TEXT NOT NULL REFERENCES person(id), expires INTEGER NOT NULL, totp BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS known_device (
  digest TEXT PRIMARY KEY, person TEXT NOT NULL REFERENCES person(id), seen INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS recovery (
  digest BLOB PRIMARY KEY, person TEXT NOT NULL REFERENCES person(id), used INTEGER);
CREATE TABLE IF NOT EXISTS enrolment (
  digest BLOB PRIMARY KEY, host TEXT NOT NULL, expires INTEGER NOT NULL, used INTEGER);
CREATE TABLE IF NOT EXISTS device (
  id TEXT PRIMARY KEY, host TEXT NOT NULL, fingerprint TEXT NOT NULL UNIQUE, not_after INTEGER NOT NULL,
  revoked INTEGER, used INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS personal (digest TEXT PRIMARY KEY, salt BLOB NOT NULL, text TEXT NOT NULL);
CREATE VIEW IF NOT EXISTS somebody AS
  SELECT person.*, personal.text AS name FROM person LEFT JOIN personal ON personal.digest = person.name_digest;
