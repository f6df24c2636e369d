package github

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// gitEnv keeps the machine's own configuration out.
func gitEnv() []string {
	return []string{
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "HOME=/nonexistent", "PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C",
		"GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_COUNT=3", "GIT_CONFIG_KEY_0=http.receivepack", "GIT_CONFIG_VALUE_0=true",
		"GIT_CONFIG_KEY_1=safe.directory", "GIT_CONFIG_VALUE_1=*",
		"GIT_CONFIG_KEY_2=core.fsync", "GIT_CONFIG_VALUE_2=none", // what is in here may go with the machine
	}
}

// git runs git in a bare repository.
func git(dir string, env []string, stdin []byte, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", append([]string{"--git-dir", dir}, args...)...) //nolint:gosec // no shell; refs are checked and behind --end-of-options or a full name
	cmd.Env = append(gitEnv(), env...)
	cmd.Stdin = bytes.NewReader(stdin)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(said.String()))
	}
	return out, nil
}

// initialise makes an empty bare repository, as git init does, without starting git.
func initialise(dir, branch string) error {
	for _, below := range []string{"objects/info", "objects/pack", "refs/heads", "refs/tags"} {
		if err := os.MkdirAll(filepath.Join(dir, below), 0o700); err != nil {
			return fmt.Errorf("fake github: make a repository: %w", err)
		}
	}
	for name, text := range map[string]string{
		"HEAD": "ref: refs/heads/" + branch + "\n", "config": "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("fake github: make a repository: %w", err)
		}
	}
	return nil
}

// refs lists refs below a prefix with the commits that they lead to.
func refs(r *repo, prefix string) (names []string, commits map[string]string) {
	commits = map[string]string{}
	out, err := git(r.dir, nil, nil, "for-each-ref", "--format=%(refname) %(objectname) %(*objectname)", prefix)
	if err != nil {
		return nil, commits
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		name := strings.TrimPrefix(f[0], prefix)
		names, commits[name] = append(names, name), f[len(f)-1] // of an annotated tag, what it tags
	}
	return names, commits
}

// heads are the branches and their commits. They are read from git's own files while
// there is one for each: starting git takes most of the time of a call.
func heads(r *repo) map[string]string {
	commits := map[string]string{}
	root := filepath.Join(r.dir, "refs", "heads")
	_, packed := os.Lstat(filepath.Join(r.dir, "packed-refs"))                        //nolint:gosec // below a folder of ours, as all that follows
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error { //nolint:gosec // as above
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".lock") {
			return err
		}
		id, err := os.ReadFile(path) //nolint:gosec // a file of git's, below a folder of ours
		if err == nil {
			commits[filepath.ToSlash(path[len(root)+1:])] = strings.TrimSpace(string(id))
		}
		return err
	})
	if err != nil || packed == nil { // packed, or changing at this moment
		_, commits = refs(r, "refs/heads/")
	}
	return commits
}

// resolve finds the commit that a branch, tag or hash means; "" for none.
func resolve(r *repo, ref string) string {
	if ref == "" || strings.HasPrefix(ref, "-") {
		return ""
	}
	if id := heads(r)[ref]; id != "" {
		return id
	}
	names := []string{"refs/tags/" + ref, ref}
	if fullHash.MatchString(ref) {
		names = names[1:]
	}
	for _, name := range names {
		out, err := git(r.dir, nil, nil, "rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}")
		if err == nil {
			return strings.TrimSpace(string(out))
		}
	}
	return ""
}

func exists(r *repo, object string) bool {
	_, err := git(r.dir, nil, nil, "cat-file", "-e", object)
	return err == nil
}

// logged is a commit as git tells of it.
type logged struct {
	id, tree, message string
	parents           []string
	author, committer [3]string // name, mail, date
}

// history lists commits, newest first, as git log gives them.
func history(r *repo, args ...string) []logged {
	const form = "--format=%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B%x00%x01"
	out, err := git(r.dir, nil, nil, append([]string{"log", form}, args...)...)
	if err != nil {
		return nil
	}
	var all []logged
	for text := range strings.SplitSeq(string(out), "\x01\n") {
		f := strings.Split(text, "\x00")
		if len(f) < 10 {
			continue
		}
		all = append(all, logged{
			id: f[0], tree: f[1], parents: strings.Fields(f[2]), message: strings.TrimRight(f[9], "\n"),
			author: [3]string{f[3], f[4], utc(f[5])}, committer: [3]string{f[6], f[7], utc(f[8])},
		})
	}
	return all
}

func utc(text string) string {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return "1970-01-01T00:00:00Z"
	}
	return stamp(t)
}
