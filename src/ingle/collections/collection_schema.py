"""The tables of a collection's file."""

from __future__ import annotations

VERSION = 1
"""Raised when an older ingle could not read, or would damage, what a newer one wrote."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS document (
    id INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    kind TEXT NOT NULL,
    added REAL NOT NULL
);
-- Several files may have the same content: it is kept once.
CREATE TABLE IF NOT EXISTS source (
    place TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    changed_ns INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    problem TEXT NOT NULL,
    document INTEGER REFERENCES document(id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS source_document ON source(document);
-- What was said of a file, or of all files below a folder, as JSON.
CREATE TABLE IF NOT EXISTS marking (root TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;
-- The same for each file that was seen: that of the nearest root.
CREATE TABLE IF NOT EXISTS attribute (place TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS passage (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document INTEGER NOT NULL REFERENCES document(id),
    headings TEXT NOT NULL,
    page INTEGER NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS passage_document ON passage(document);
-- Apart from the passages, so that reading all vectors reads no text.
CREATE TABLE IF NOT EXISTS vector (passage INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(
    text, headings, content='passage', content_rowid='id',
    tokenize='porter unicode61 remove_diacritics 2'
);
-- Passages that are gone, for what is derived; cut off where that was made anew of all.
CREATE TABLE IF NOT EXISTS removed (
    number INTEGER PRIMARY KEY AUTOINCREMENT, passage INTEGER NOT NULL
);
CREATE TRIGGER IF NOT EXISTS passage_logged AFTER DELETE ON passage BEGIN
    INSERT INTO removed(passage) VALUES (old.id);
END;
CREATE TRIGGER IF NOT EXISTS passage_added AFTER INSERT ON passage BEGIN
    INSERT INTO words(rowid, text, headings) VALUES (new.id, new.text, new.headings);
END;
CREATE TRIGGER IF NOT EXISTS passage_removed AFTER DELETE ON passage BEGIN
    INSERT INTO words(words, rowid, text, headings)
        VALUES ('delete', old.id, old.text, old.headings);
    DELETE FROM vector WHERE passage = old.id;
END;
"""
