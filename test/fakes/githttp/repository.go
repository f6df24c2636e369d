package githttp

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Zeros is the hash that stands for "no commit".
const Zeros = "0000000000000000000000000000000000000000"

// Repository is a bare repository in the folder Dir.
type Repository struct{ Dir string }

// environment keeps the machine's own configuration out.
func environment() []string {
	return []string{
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "HOME=/nonexistent", "PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C",
		"GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=http.receivepack", "GIT_CONFIG_VALUE_0=true",
		"GIT_CONFIG_KEY_1=safe.directory", "GIT_CONFIG_VALUE_1=*",
	}
}

// Init makes an empty repository in dir, whose HEAD is the branch.
func Init(dir, branch string) (Repository, error) {
	r := Repository{Dir: dir}
	_, err := r.Git(nil, nil, "init", "--quiet", "--bare", "--template=", "--initial-branch="+branch)
	return r, err
}

// Git runs git in the repository, for a minute at most. What a client began goes on
// without it, as on a real forge.
func (r Repository) Git(env []string, stdin []byte, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", append([]string{"--git-dir", r.Dir}, args...)...) // no shell; refs are behind --end-of-options or a full name
	cmd.Env = append(environment(), env...)
	cmd.Stdin = bytes.NewReader(stdin)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(said.String()))
	}
	return out, nil
}

// Refs lists refs below a prefix ("refs/heads/") with the commits that they lead to.
func (r Repository) Refs(prefix string) (names []string, commits map[string]string) {
	commits = map[string]string{}
	out, err := r.Git(nil, nil, "for-each-ref", "--format=%(refname) %(objectname) %(*objectname)", prefix)
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

// Heads are the branches and their commits.
func (r Repository) Heads() map[string]string {
	_, commits := r.Refs("refs/heads/")
	return commits
}

// Resolve finds the commit that a branch, tag or hash means; "" for none.
func (r Repository) Resolve(ref string) string {
	if ref == "" || strings.HasPrefix(ref, "-") {
		return ""
	}
	for _, name := range []string{"refs/heads/" + ref, "refs/tags/" + ref, ref} {
		out, err := r.Git(nil, nil, "rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}")
		if err == nil {
			return strings.TrimSpace(string(out))
		}
	}
	return ""
}

// Exists tells whether there is an object.
func (r Repository) Exists(object string) bool {
	_, err := r.Git(nil, nil, "cat-file", "-e", object)
	return err == nil
}

// Person is an author or committer, with the moment.
type Person struct {
	Name, Mail string
	At         time.Time // UTC
}

// Commit is a commit as git tells of it.
type Commit struct {
	ID, Tree, Message string
	Parents           []string
	Author, Committer Person
}

// Log lists commits, newest first, as git log does with these arguments.
func (r Repository) Log(args ...string) []Commit {
	const form = "--format=%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B%x00%x01"
	out, err := r.Git(nil, nil, append([]string{"log", form}, args...)...)
	if err != nil {
		return nil
	}
	var all []Commit
	for text := range strings.SplitSeq(string(out), "\x01\n") {
		f := strings.Split(text, "\x00")
		if len(f) < 10 {
			continue
		}
		all = append(all, Commit{
			ID: f[0], Tree: f[1], Parents: strings.Fields(f[2]), Message: strings.TrimRight(f[9], "\n"),
			Author: Person{f[3], f[4], moment(f[5])}, Committer: Person{f[6], f[7], moment(f[8])},
		})
	}
	return all
}

func moment(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Unix(0, 0).UTC()
	}
	return t.UTC()
}

// Commit adds a commit without changes to a branch, which it begins if need be.
func (r Repository) Commit(branch, message string, who Person) (string, error) {
	parent := r.Heads()[branch]
	tree := parent + "^{tree}"
	if parent == "" {
		out, err := r.Git(nil, nil, "mktree") // the empty tree
		if err != nil {
			return "", err
		}
		tree = strings.TrimSpace(string(out))
	}
	return r.CommitTree(branch, parent, tree, message, who, who)
}

// CommitTree makes a commit of a tree that is there, and lets a branch lead to it;
// parent "" is none.
func (r Repository) CommitTree(branch, parent, tree, message string, author, committer Person) (string, error) {
	args := []string{"commit-tree", "-m", message}
	if parent != "" {
		args = append(args, "-p", parent)
	}
	env := []string{
		"GIT_AUTHOR_NAME=" + author.Name, "GIT_AUTHOR_EMAIL=" + author.Mail, "GIT_AUTHOR_DATE=" + author.At.Format(time.RFC3339),
		"GIT_COMMITTER_NAME=" + committer.Name, "GIT_COMMITTER_EMAIL=" + committer.Mail, "GIT_COMMITTER_DATE=" + committer.At.Format(time.RFC3339),
	}
	out, err := r.Git(env, nil, append(args, tree)...)
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(string(out))
	_, err = r.Git(nil, nil, "update-ref", "refs/heads/"+branch, id)
	return id, err
}

// Tag lets a tag lead to a commit.
func (r Repository) Tag(tag, commit string) error {
	_, err := r.Git(nil, nil, "update-ref", "refs/tags/"+tag, commit)
	return err
}
