import type { DatabaseSync, StatementSync } from "node:sqlite";

/** Every statement of the index, prepared once per connection. */
export interface Statements {
  insertDocument: StatementSync;
  deleteDocument: StatementSync;
  insertPassage: StatementSync;
  passageIds: StatementSync;
  deletePassage: StatementSync;
  insertWords: StatementSync;
  deleteWords: StatementSync;
  insertName: StatementSync;
  deleteName: StatementSync;
  byWord: StatementSync;
  byName: StatementSync;
  passage: StatementSync;
  passagesOf: StatementSync;
  frequency: StatementSync;
}

export function prepareStatements(db: DatabaseSync): Statements {
  return {
    insertDocument: db.prepare("INSERT INTO documents (path, revision) VALUES (?, ?)"),
    deleteDocument: db.prepare("DELETE FROM documents WHERE path = ?"),
    insertPassage: db.prepare(
      "INSERT INTO passages (path, heading, heading_path, level, start_line, end_line, text) VALUES (?, ?, ?, ?, ?, ?, ?)",
    ),
    passageIds: db.prepare("SELECT id FROM passages WHERE path = ?"),
    deletePassage: db.prepare("DELETE FROM passages WHERE id = ?"),
    insertWords: db.prepare("INSERT INTO words (rowid, place, heading, text, pairs) VALUES (?, ?, ?, ?, ?)"),
    deleteWords: db.prepare("DELETE FROM words WHERE rowid = ?"),
    insertName: db.prepare("INSERT INTO names (rowid, text) VALUES (?, ?)"),
    deleteName: db.prepare("DELETE FROM names WHERE rowid = ?"),
    byWord: db.prepare("SELECT rowid, rank FROM words WHERE words MATCH ? ORDER BY rowid"),
    byName: db.prepare("SELECT rowid AS id FROM names WHERE names MATCH ? ORDER BY rank LIMIT ?"),
    passage: db.prepare("SELECT * FROM passages WHERE id = ?"),
    passagesOf: db.prepare("SELECT * FROM passages WHERE path = ? ORDER BY id"),
    frequency: db.prepare("SELECT doc FROM vocabulary WHERE term = ?"),
  };
}
