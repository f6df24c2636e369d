// Package store keeps everything that OpsBot knows: in SQLite below the data
// folder, or in PostgreSQL, behind one set of repositories and one test suite.
//
// Store is the bot.UnitOfWork and bot.Waker of the program; Blobs keeps content
// as files. On SQLite one writer handle is shared by bun and River and a pool of
// read-only handles serves Read; every commit waits for the disk, so that what
// was accepted survives a power cut. On PostgreSQL transactions that write are
// SERIALIZABLE: code written against SQLite's single writer may read, decide and
// write, and must get the same answer there. What loses is run again.
//
// Times are stored as integer microseconds since 1970 in UTC, 0 being the zero
// time; nested values as JSON text.
package store
