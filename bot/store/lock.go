package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"opsbot/bot"
)

// format is the version of the data folder's layout that this program writes.
const format = 1

// DataLock is the exclusive right to a data folder; it ends with the process at
// the latest.
type DataLock struct{ file *os.File }

// Lock takes the data folder dir, making it (0700) when missing. CodeConflict when
// another process has it, CodeStorageFull when the folder can't be written.
func Lock(dir string) (*DataLock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fileProblem("make", dir, err)
	}
	path := filepath.Join(dir, "lock")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fileProblem("open", path, err)
	}
	err = take(file)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errors.Join(inUse(dir, holder(file)), file.Close())
	}
	if err != nil {
		return nil, errors.Join(fileProblem("lock", path, err), file.Close())
	}
	// The process id helps the person who meets the error above. It is no more than
	// that, so a full disk must not keep OpsBot from starting.
	if err := file.Truncate(0); err == nil {
		_, _ = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return &DataLock{file}, nil
}

// deadWait bounds the wait for the lock of a process that has ended.
const deadWait = 5 * time.Second

// take locks file. A process that was killed while it started a child leaves the
// lock with that child until the child executes its program: a restart at once
// must not fail because of it.
func take(file *os.File) error {
	end := time.After(deadWait)
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		pid, parseErr := strconv.Atoi(holder(file))
		if parseErr != nil || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return err
		}
		select { // the child tells nobody
		case <-time.After(10 * time.Millisecond):
		case <-end:
			return err
		}
	}
}

// holder is the process id in a lock file, "" for none.
func holder(file *os.File) string {
	text := make([]byte, 32)
	n, _ := file.ReadAt(text, 0) // io.EOF, as it is shorter
	return strings.TrimSpace(string(text[:n]))
}

func inUse(dir, pid string) *bot.Error {
	if pid == "" {
		pid = "unknown"
	}
	return bot.Errorf(bot.CodeConflict,
		"Another OpsBot process (process id %s) uses the data folder %s. Stop it, or choose another folder with --data.", pid, dir)
}

// Release gives the folder back. The lock file stays: removing it would let two
// processes lock two files of the same name. To close it would not do: a process
// that is just being started has it, too, for a moment.
func (l *DataLock) Release() error {
	return errors.Join(syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN), l.file.Close())
}

// checkFormat compares the data folder's layout with ours, and notes ours in a
// new one.
func checkFormat(dir string) error {
	path := filepath.Join(dir, "format")
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return writeFormat(dir, path)
	}
	if err != nil {
		return fileProblem("read", path, err)
	}
	found, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return bot.Errorf(bot.CodeConflict, "%s holds %q instead of a number: is %s OpsBot's data folder?",
			path, bot.Shorten(string(b), 40), dir).Because(err)
	}
	if found > format {
		return newer("The data folder "+dir, int64(found), format)
	}
	return nil
}

// newer refuses what a newer program wrote.
func newer(what string, found, known int64) *bot.Error {
	return bot.Errorf(bot.CodeConflict,
		"%s has version %d, this OpsBot knows up to version %d. A newer OpsBot wrote it: use that one, or restore a backup.",
		what, found, known)
}

// writeFormat notes the version by rename: a crash leaves the old file or the new.
func writeFormat(dir, path string) error {
	temp := path + ".new"
	if err := writeSynced(temp, []byte(fmt.Sprintln(format))); err != nil {
		return fileProblem("write", temp, err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fileProblem("write", path, err)
	}
	return fileProblem("write", dir, syncDir(dir))
}

func writeSynced(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// syncDir makes the names in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
