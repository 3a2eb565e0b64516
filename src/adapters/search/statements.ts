import type { DatabaseSync, StatementSync } from "node:sqlite";

/** Every statement of the index, prepared once per connection. */
export interface Statements {
  putDocument: StatementSync;
  deleteDocument: StatementSync;
  insertPassage: StatementSync;
  passageKeys: StatementSync;
  movePassage: StatementSync;
  deletePassage: StatementSync;
  insertWords: StatementSync;
  deleteWords: StatementSync;
  insertName: StatementSync;
  deleteName: StatementSync;
  byWord: StatementSync;
  byName: StatementSync;
  place: StatementSync;
  passage: StatementSync;
  passagesOf: StatementSync;
  frequency: StatementSync;
  vocabulary: StatementSync;
}

export function prepareStatements(db: DatabaseSync): Statements {
  return {
    putDocument: db.prepare("INSERT OR REPLACE INTO documents (path, revision) VALUES (?, ?)"),
    deleteDocument: db.prepare("DELETE FROM documents WHERE path = ?"),
    insertPassage: db.prepare(
      "INSERT INTO passages (id, path, heading, heading_path, level, start_line, end_line, hash, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ),
    passageKeys: db.prepare("SELECT id, hash, level FROM passages WHERE path = ? ORDER BY id"),
    movePassage: db.prepare("UPDATE passages SET start_line = ?, end_line = ? WHERE id = ?"),
    deletePassage: db.prepare("DELETE FROM passages WHERE id = ?"),
    insertWords: db.prepare("INSERT INTO words (rowid, place, heading, text, pairs) VALUES (?, ?, ?, ?, ?)"),
    deleteWords: db.prepare("DELETE FROM words WHERE rowid = ?"),
    insertName: db.prepare("INSERT INTO names (rowid, text) VALUES (?, ?)"),
    deleteName: db.prepare("DELETE FROM names WHERE rowid = ?"),
    byWord: db.prepare("SELECT rowid, rank FROM words WHERE words MATCH ? AND rowid > ? ORDER BY rowid"),
    byName: db.prepare("SELECT rowid, rank FROM names WHERE names MATCH ? AND rowid > ? ORDER BY rowid"),
    place: db.prepare("SELECT path, heading FROM passages WHERE id = ?"),
    passage: db.prepare("SELECT * FROM passages WHERE id = ?"),
    passagesOf: db.prepare("SELECT * FROM passages WHERE path = ? ORDER BY start_line, id"),
    frequency: db.prepare("SELECT doc FROM vocabulary WHERE term = ?"),
    vocabulary: db.prepare("SELECT term, doc FROM vocabulary"),
  };
}
