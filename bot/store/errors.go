package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"opsbot/bot"
)

// fail turns a driver's error into one that the callers understand, naming the
// action and the table; nil stays nil.
func (w *work) fail(action string, row any, err error) error {
	if err == nil {
		return nil
	}
	if row != nil {
		action = fmt.Sprintf("%s %s", action, tableOf(row))
	}
	if w.readOnly && refusedWrite(err) {
		return fmt.Errorf("store: %s: a write inside Read: %w", action, err)
	}
	return w.s.problem(action, err)
}

// tableOf names the table in an error: "store.buildRow" -> "build".
func tableOf(row any) string {
	name := fmt.Sprintf("%T", row)
	name = name[strings.LastIndexByte(name, '.')+1:]
	return strings.TrimSuffix(name, "Row")
}

// problem classes a driver's error.
func (s *Store) problem(action string, err error) error {
	var known *bot.Error
	if errors.As(err, &known) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	cause := fmt.Errorf("store: %s: %w", action, err)
	if full := s.noSpace(err); full != nil {
		return full.Because(cause).Backoff()
	}
	switch {
	case serialisation(err):
		return bot.Errorf(bot.CodeUnavailable, "The database is busy with other changes; try again.").Because(cause).Backoff()
	case unique(err):
		return bot.Errorf(bot.CodeConflict, "There is such an entry already.").Because(cause)
	case unreachable(err):
		return bot.Errorf(bot.CodeUnavailable, "The database does not answer; OpsBot goes on once it does.").Because(cause).Backoff()
	}
	return cause
}

// noSpace tells errors of a storage that takes no more, nil for all others.
func (s *Store) noSpace(err error) *bot.Error {
	where := "the database server"
	if s.dataDir != "" && s.pg == nil {
		where = s.dataDir
	}
	var lite *sqlite.Error
	var pg *pgconn.PgError
	readOnly := errors.Is(err, syscall.EROFS)
	full := errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
	switch {
	case errors.As(err, &lite):
		readOnly, full = liteSpace(lite.Code())
	case errors.As(err, &pg):
		readOnly, full = pg.Code == "25006", pg.Code == "53100"
	}
	switch {
	case readOnly:
		return bot.Errorf(bot.CodeStorageFull,
			"Nothing can be written to %s: it is read-only. Make it writable; OpsBot then goes on by itself.", where)
	case full:
		return bot.Errorf(bot.CodeStorageFull,
			"There is no space left in %s. Free some; OpsBot then goes on by itself, nothing is lost.", where)
	}
	return nil
}

func liteSpace(code int) (readOnly, full bool) {
	switch code {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC,
		sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_TRUNCATE:
		return false, true
	}
	return code&0xff == sqlite3.SQLITE_READONLY, false
}

// refusedWrite reports that the database refused to write.
func refusedWrite(err error) bool {
	var pg *pgconn.PgError
	var lite *sqlite.Error
	switch {
	case errors.As(err, &pg):
		return pg.Code == "25006"
	case errors.As(err, &lite):
		return lite.Code()&0xff == sqlite3.SQLITE_READONLY
	}
	return false
}

// serialisation reports that the transaction lost against another and may be run again.
func serialisation(err error) bool {
	var pg *pgconn.PgError
	var lite *sqlite.Error
	switch {
	case errors.As(err, &pg):
		return pg.Code == "40001" || pg.Code == "40P01"
	case errors.As(err, &lite):
		return lite.Code()&0xff == sqlite3.SQLITE_BUSY
	}
	return false
}

func unique(err error) bool {
	var pg *pgconn.PgError
	var lite *sqlite.Error
	switch {
	case errors.As(err, &pg):
		return pg.Code == "23505"
	case errors.As(err, &lite):
		return lite.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || lite.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
	}
	return false
}

func unreachable(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "57P")
	}
	var op net.Error
	var connect *pgconn.ConnectError
	return errors.As(err, &op) || errors.As(err, &connect)
}

// fileProblem classes an error of the data folder's files.
func fileProblem(action, path string, err error) error {
	if err == nil {
		return nil
	}
	cause := fmt.Errorf("store: %s %s: %w", action, path, err)
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return bot.Errorf(bot.CodeStorageFull,
			"There is no space left in %s. Free some; OpsBot then goes on by itself, nothing is lost.", path).Because(cause).Backoff()
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return bot.Errorf(bot.CodeStorageFull,
			"Nothing can be written to %s: it is read-only. Make it writable; OpsBot then goes on by itself.", path).Because(cause).Backoff()
	}
	return cause
}
