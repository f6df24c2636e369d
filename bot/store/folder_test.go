package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/store"
	"opsbot/bot/store/storetest"
)

// These make the test binary another OpsBot that uses the data folder they name.
const (
	holdEnv   = "STORE_TEST_HOLD"
	acceptEnv = "STORE_TEST_ACCEPT"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(holdEnv); dir != "" {
		hold(dir)
		return
	}
	if dir := os.Getenv(acceptEnv); dir != "" {
		fmt.Println(acceptForEver(dir))
		return
	}
	os.Exit(m.Run())
}

// hold takes the folder, says so and keeps it until its input ends.
func hold(dir string) {
	if _, err := store.Lock(dir); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("held")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
}

// acceptForEver says which deliveries it has accepted, until it is killed.
func acceptForEver(dir string) error {
	s, err := store.Open(context.Background(), store.Options{DataDir: dir})
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		if _, err := s.Accept(context.Background(), big(fmt.Sprint(i))); err != nil {
			return err
		}
		fmt.Println(i)
	}
}

// TestKilledProcessKeepsWhatItAccepted kills a process that accepts deliveries.
func TestKilledProcessKeepsWhatItAccepted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for round := range 3 {
		other := exec.CommandContext(t.Context(), os.Args[0])
		other.Env = append(os.Environ(), acceptEnv+"="+dir)
		out, err := other.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		last := 0
		for lines.Scan() {
			if last, err = strconv.Atoi(lines.Text()); err != nil {
				t.Fatalf("the other process says %q", lines.Text())
			}
			if last == 40*(round+1) { // while it is at the next one
				if err := other.Process.Signal(syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = other.Wait() // it was killed: the error says so
		s, err := store.Open(t.Context(), store.Options{DataDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if got := stored(t, s); got < last+1 || got > last+2 {
			t.Errorf("%d accepted, %d stored", last+1, got)
		}
		if got := s.Texts(t, "PRAGMA integrity_check")[0][0]; got != "ok" {
			t.Errorf("integrity: %s", got)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	other := exec.CommandContext(t.Context(), os.Args[0])
	other.Env = append(os.Environ(), holdEnv+"="+dir)
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("the other process says %q (%v)", line, err)
	}
	_, err = store.Open(t.Context(), store.Options{DataDir: dir})
	if bot.CodeOf(err) != bot.CodeConflict || !strings.Contains(bot.MessageOf(err), fmt.Sprint("process id ", other.Process.Pid)) ||
		!strings.Contains(bot.MessageOf(err), dir) {
		t.Errorf("got %v", err)
	}
	// A process that is killed frees the folder: nothing is left to clean up by hand.
	if err := other.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait() // it was killed: the error says so
	_ = in.Close()
	s, err := store.Open(t.Context(), store.Options{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestLockOfTheCaller(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "made", "below")
	lock, err := store.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Lock(dir); bot.CodeOf(err) != bot.CodeConflict {
		t.Errorf("locked twice: %v", err)
	}
	s, err := store.Open(t.Context(), store.Options{DataDir: dir, Lock: lock})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Lock(dir); bot.CodeOf(err) != bot.CodeConflict {
		t.Errorf("the store gave the caller's lock away: %v", err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	again, err := store.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Release(); err != nil {
		t.Error(err)
	}
}

// TestCommitsWaitForTheDisk checks the settings that an accepted delivery's life
// depends on; a power cut can't be tried here.
func TestCommitsWaitForTheDisk(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.Context(), store.Options{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
		if got := s.Texts(t, "PRAGMA "+pragma)[0][0]; got != want {
			t.Errorf("%s is %s, want %s", pragma, got, want)
		}
	}
}

func TestAuditIsAppendOnly(t *testing.T) {
	t.Parallel()
	for name, open := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			err := s.Write(t.Context(), func(ctx context.Context, tx *bot.Tx) error {
				return tx.Audit.Append(ctx, bot.AuditRow{Verb: "deploy"})
			})
			if err != nil {
				t.Fatal(err)
			}
			statements := []string{"UPDATE audit SET verb = 'help'", "DELETE FROM audit"}
			if name == "postgres" {
				statements = append(statements, "TRUNCATE audit")
			} else {
				statements = append(statements, "REPLACE INTO audit SELECT * FROM audit")
			}
			for _, statement := range statements {
				if err := s.Exec(t, statement); err == nil || !strings.Contains(err.Error(), "append-only") {
					t.Errorf("%s: %v", statement, err)
				}
			}
			if got := s.Texts(t, "SELECT verb FROM audit"); len(got) != 1 || got[0][0] != "deploy" {
				t.Errorf("left: %v", got)
			}
		})
	}
}

func TestBackup(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	path := filepath.Join(t.TempDir(), "it's a copy.db")
	if _, err := s.Accept(t.Context(), bot.InboxRow{Instance: "g", Key: "1"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), path); bot.CodeOf(err) != bot.CodeConflict {
		t.Errorf("a copy was overwritten: %v", err)
	}
	copied, err := store.Open(t.Context(), store.Options{DataDir: t.TempDir(), URL: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = copied.Close() })
	if got := copied.Texts(t, "SELECT delivery_key FROM inbox"); len(got) != 1 || got[0][0] != "1" {
		t.Errorf("the copy holds %v", got)
	}
}

// TestLockOfADeadProcess: a child that a killed process was about to start keeps
// the lock for a moment.
func TestLockOfADeadProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "lock")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), "cat")
	child.ExtraFiles = []*os.File{file}
	hold, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(syscall.Flock(int(file.Fd()), syscall.LOCK_EX), child.Start()); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintln(file, "1999999999"); err != nil { // no process has that id
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if other, err := os.Open(path); err != nil || syscall.Flock(int(other.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		t.Fatalf("the child does not hold the lock: %v", err)
	}
	time.AfterFunc(50*time.Millisecond, func() { _ = hold.Close() })
	lock, err := store.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(child.Wait(), lock.Release()); err != nil {
		t.Error(err)
	}
}

// TestLockGivenBackAtOnce: although a child still has the file open.
func TestLockGivenBackAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lock, err := store.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), "cat")
	child.ExtraFiles = []*os.File{lock.File()}
	hold, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(child.Start(), lock.Release()); err != nil {
		t.Fatal(err)
	}
	again, err := store.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(hold.Close(), child.Wait(), again.Release()); err != nil {
		t.Error(err)
	}
}
