package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"opsbot/bot"
	"opsbot/bot/store"
)

func (p *program) backupCommand() *cobra.Command {
	return &cobra.Command{
		Use: "backup FILE", Short: "Copy database, repositories and blobs into one tar.gz, also while the server runs", Args: exactly(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := filepath.Abs(args[0])
			if err != nil {
				return fmt.Errorf("backup: %w", err)
			}
			return p.withServer(cmd.Context(), func(ctx context.Context, c *http.Client) error {
				var out localAnswer
				if err := call(ctx, c, "/backup", localRequest{Name: path}, &out); err != nil {
					return err
				}
				fmt.Fprintln(p.s.out, out.Text)
				return nil
			})
		},
	}
}

// backup writes the archive: the database first, so that everything it knows of
// is among the files copied after it.
func (a *app) backup(ctx context.Context, in localRequest) (answer any, err error) {
	snapshot := filepath.Join(a.dir, ".backup.db")
	_ = os.Remove(snapshot) // of a backup that was interrupted
	if err := a.store.Backup(ctx, snapshot); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.Remove(snapshot)) }()
	out, err := os.OpenFile(in.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, bot.Errorf(bot.CodeInvalid, "The file %s can't be made; it must not exist yet.", in.Name).Because(err)
	}
	n, err := writeBackup(ctx, out, a.dir, snapshot)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return nil, errors.Join(bot.Errorf(bot.CodeStorageFull, "The backup could not be written to %s.", in.Name).Because(err), os.Remove(in.Name))
	}
	return localAnswer{Text: fmt.Sprintf("Wrote %d files to %s.", n, in.Name)}, nil
}

// left out: what belongs to the running process, what builds are given open, and the
// live database. The key of the secrets is in: a backup is worth what the folder is.
func leftOut(rel string) bool {
	top, _, _ := strings.Cut(rel, "/")
	if open, _ := path.Match("integrations/*/secrets", rel); open {
		return true
	}
	return top == "run" || top == "lock" || strings.HasPrefix(rel, "opsbot.db") || rel == ".backup.db" || strings.Contains(rel, "/workspaces/")
}

func writeBackup(ctx context.Context, w io.Writer, dir, snapshot string) (files int, err error) {
	zip := gzip.NewWriter(w)
	t := tar.NewWriter(zip)
	if err := addFile(t, snapshot, "opsbot.db"); err != nil {
		return 0, err
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil || rel == "." {
			return err
		}
		rel = filepath.ToSlash(rel)
		if leftOut(rel) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil // folders come with their files; sockets and links are not ours to keep
		}
		files++
		return addFile(t, path, rel)
	})
	return files, errors.Join(err, t.Close(), zip.Close())
}

// addFile copies one file; one that went away meanwhile (a temporary file) is left out.
func addFile(t *tar.Writer, path, name string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	head := &tar.Header{Name: name, Mode: int64(info.Mode().Perm()), Size: info.Size(), ModTime: info.ModTime(), Format: tar.FormatPAX}
	if err := t.WriteHeader(head); err != nil {
		return err
	}
	_, err = io.CopyN(t, f, info.Size()) // a log that grows meanwhile is cut
	return err
}

func (p *program) restoreCommand() *cobra.Command {
	return &cobra.Command{
		Use: "restore FILE", Short: "Unpack a backup into an empty data folder", Args: exactly(1, 1),
		RunE: func(_ *cobra.Command, args []string) (err error) {
			_, dir, err := p.load()
			if err != nil {
				return err
			}
			lock, err := store.Lock(dir)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, lock.Release()) }()
			have, err := os.ReadDir(dir)
			if err != nil {
				return err
			}
			for _, e := range have {
				if e.Name() != "lock" {
					return bot.Errorf(bot.CodeConflict, "The data folder %s is not empty (%s); restore into an empty one.", dir, e.Name())
				}
			}
			n, err := readBackup(args[0], dir)
			if err != nil {
				return fmt.Errorf("restore %s: %w", args[0], err)
			}
			fmt.Fprintf(p.s.out, "Restored %d files into %s.\n", n, dir)
			return nil
		},
	}
}

// readBackup unpacks into dir; os.Root keeps every name inside.
func readBackup(file, dir string) (files int, err error) {
	in, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	zip, err := gzip.NewReader(in)
	if err != nil {
		return 0, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	t := tar.NewReader(zip)
	for {
		head, err := t.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return files, err
		}
		if err := unpack(root, head, t); err != nil {
			return files, fmt.Errorf("%s: %w", head.Name, err)
		}
		files++
	}
}

func unpack(root *os.Root, head *tar.Header, r io.Reader) error {
	name := filepath.FromSlash(head.Name)
	if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fs.FileMode(head.Mode)&0o700|0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
