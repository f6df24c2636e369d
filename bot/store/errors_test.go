package store

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"opsbot/bot"
)

// TestServerErrors covers what can't be brought about on a shared server: a full
// disk, a standby, a restart.
func TestServerErrors(t *testing.T) {
	t.Parallel()
	s := &Store{dataDir: "/data"}
	for code, want := range map[string]bot.Code{
		"53100": bot.CodeStorageFull, // disk_full
		"25006": bot.CodeStorageFull, // read_only_sql_transaction, on a standby
		"40001": bot.CodeUnavailable, // serialization_failure, if all attempts lost
		"40P01": bot.CodeUnavailable, // deadlock_detected
		"08006": bot.CodeUnavailable, // connection_failure
		"57P01": bot.CodeUnavailable, // admin_shutdown
		"23505": bot.CodeConflict,    // unique_violation
		"42601": bot.CodeInternal,    // syntax_error
	} {
		cause := &pgconn.PgError{Code: code, Message: "secret detail"}
		err := s.problem("write x", fmt.Errorf("driver: %w", cause))
		if bot.CodeOf(err) != want || !errors.Is(err, cause) {
			t.Errorf("%s became %v (%s), want %s", code, err, bot.CodeOf(err), want)
		}
		if retry, _ := bot.RetryOf(err); want != bot.CodeConflict && retry != bot.RetryBackoff {
			t.Errorf("%s: retry class %v", code, retry)
		}
	}
	known := bot.Errorf(bot.CodeStale, "lost")
	if err := s.problem("write x", known); !errors.Is(err, known) || bot.CodeOf(err) != bot.CodeStale {
		t.Errorf("an error that is ours became %v", err)
	}
	inRead := &work{s: s, readOnly: true}
	if err := inRead.fail("write", nil, &pgconn.PgError{Code: "25006"}); bot.CodeOf(err) != bot.CodeInternal {
		t.Errorf("a write inside Read became %v", err)
	}
}

func TestFileErrors(t *testing.T) {
	t.Parallel()
	for cause, want := range map[error]bot.Code{
		syscall.ENOSPC: bot.CodeStorageFull, syscall.EDQUOT: bot.CodeStorageFull,
		syscall.EROFS: bot.CodeStorageFull, syscall.EACCES: bot.CodeStorageFull, syscall.EIO: bot.CodeInternal,
	} {
		if err := fileProblem("write", "/data/x", fmt.Errorf("open: %w", cause)); bot.CodeOf(err) != want || !errors.Is(err, cause) {
			t.Errorf("%v became %v", cause, err)
		}
	}
	if err := fileProblem("write", "/data/x", nil); err != nil {
		t.Errorf("nothing became %v", err)
	}
}
