package jenkins

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"opsbot/bot"
)

// unsafe are the characters that Jenkins refuses in a name.
const unsafe = `/\?*%!@#$^&<>[]:;|`

// CheckName implements bot.NameRules: what Jenkins itself refuses, and the blanks
// around a name, which it silently drops.
func (*Service) CheckName(name string) error { return checkName(name) }

func checkName(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return bot.Errorf(bot.CodeInvalid, "The name of a Jenkins job must not be empty.")
	case name != strings.TrimSpace(name):
		return bot.Errorf(bot.CodeInvalid, "The name of a Jenkins job must not begin or end with a blank.")
	case name == "." || name == ".." || strings.HasSuffix(name, "."):
		return bot.Errorf(bot.CodeInvalid, "The name of a Jenkins job must not end with a dot.")
	case len(name) > 200:
		return bot.Errorf(bot.CodeInvalid, "The name of a Jenkins job can have 200 bytes at most.")
	case strings.ContainsFunc(name, unicode.IsControl):
		return bot.Errorf(bot.CodeInvalid, "The name of a Jenkins job must not have control characters.")
	}
	if at := strings.IndexAny(name, unsafe); at >= 0 {
		return bot.Errorf(bot.CodeInvalid, "The name of a Jenkins job must not have the character %q; none of %s is allowed.", name[at:at+1], unsafe)
	}
	return nil
}

// checkFullName checks every part of "team/hello-world".
func checkFullName(name string) error {
	for part := range strings.SplitSeq(name, "/") {
		if err := checkName(part); err != nil {
			return err
		}
	}
	return nil
}

// fullName is a job's external id.
func (s *Service) fullName(spec bot.JobSpec) string {
	var parts []string
	for _, p := range []string{s.config.Folder, spec.Folder, spec.Name} {
		if p = strings.Trim(p, "/"); p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, "/")
}

// jobPath is the path of an item by its full name; "" is the root.
func jobPath(fullName string) string {
	at := "/"
	for part := range strings.SplitSeq(fullName, "/") {
		if part != "" {
			at += "job/" + url.PathEscape(part) + "/"
		}
	}
	return at
}

// splitName gives the folder and the last part.
func splitName(fullName string) (folder, name string) {
	if at := strings.LastIndex(fullName, "/"); at >= 0 {
		return fullName[:at], fullName[at+1:]
	}
	return "", fullName
}

// encodeBranch is how a branch's name becomes the name of its job. Should Jenkins do
// otherwise one day, the job is found by listing.
func encodeBranch(branch string) string {
	return strings.NewReplacer("%", "%25", "/", "%2F", "#", "%23", "?", "%3F", `\`, "%5C", "[", "%5B", "]", "%5D").Replace(branch)
}

// oddNames remembers the branches whose jobs are not called as encodeBranch says. The
// zero value is ready.
type oddNames struct {
	mu    sync.Mutex
	known map[[2]string]string // job, branch -> name
}

const maxOddNames = 1000

func (o *oddNames) put(job, branch, name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.known == nil || len(o.known) >= maxOddNames {
		o.known = map[[2]string]string{}
	}
	o.known[[2]string{job, branch}] = name
}

// nameOf is the name of a branch's job, as far as it is known.
func (s *Service) nameOf(job, branch string) string {
	s.odd.mu.Lock()
	defer s.odd.mu.Unlock()
	if name, ok := s.odd.known[[2]string{job, branch}]; ok {
		return name
	}
	return encodeBranch(branch)
}

// decodeBranch is the branch of a job by the job's name.
func decodeBranch(name string) string {
	if plain, err := url.PathUnescape(name); err == nil {
		return plain
	}
	return name
}

func branchPath(job, name string) string { return jobPath(job) + "job/" + url.PathEscape(name) + "/" }

// buildPath is the path of a build whose branch's job has the name.
func buildPath(job, name string, number int) string {
	return branchPath(job, name) + strconv.Itoa(number) + "/"
}

func (s *Service) link(path string) string { return s.config.LinkURL + path }

// job is what others know of a job. Its id is the full name and, behind a character
// that no name can have, a mark of the operation that made it: a job that is deleted
// and made again numbers its builds from 1 on again, and must not be taken for the
// one that was.
func (s *Service) job(fullName string, m marker) bot.Job {
	id := fullName
	if mark := strings.Map(onlyPlain, m.Operation); mark != "" {
		id += "#" + mark[max(len(mark)-12, 0):]
	}
	return bot.Job{ExternalID: id, URL: s.jobURL(fullName)}
}

func onlyPlain(r rune) rune {
	if r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
		return r
	}
	return -1
}

func (s *Service) jobURL(fullName string) string {
	return strings.TrimRight(s.link(jobPath(fullName)), "/")
}

// resolve gives the full name for a job's id. CodeNotFound for a job that is no
// more, though another one may have its name.
func (s *Service) resolve(ctx context.Context, id string) (fullName string, err error) {
	fullName, mark, _ := strings.Cut(id, "#")
	if checkFullName(fullName) != nil {
		return fullName, bot.Errorf(bot.CodeNotFound, "Jenkins has no job %s.", bot.Shorten(fullName, 100))
	}
	if mark == "" {
		return fullName, nil
	}
	d, known, err := read[jobDoc](ctx, s, kindJob, esc(fullName))
	if err == nil && known && d.ID != id {
		err = bot.Errorf(bot.CodeNotFound, "The Jenkins job %s was made anew; what there was before is gone.", fullName)
	}
	return fullName, err
}

// keyed locks by name. The zero value is ready.
type keyed struct {
	mu   sync.Mutex
	held map[string]*holder
}

type holder struct {
	free  chan struct{}
	users int
}

// lock waits for the name, no longer than ctx lives, and returns how to give it
// back.
func (k *keyed) lock(ctx context.Context, name string) (unlock func(), err error) {
	k.mu.Lock()
	if k.held == nil {
		k.held = map[string]*holder{}
	}
	h := k.held[name]
	if h == nil {
		h = &holder{free: make(chan struct{}, 1)}
		h.free <- struct{}{}
		k.held[name] = h
	}
	h.users++
	k.mu.Unlock()
	leave := func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if h.users--; h.users == 0 {
			delete(k.held, name)
		}
	}
	select {
	case <-h.free:
		return func() { h.free <- struct{}{}; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, bot.Errorf(bot.CodeUnavailable, "Another request for %s takes too long.", bot.Shorten(name, 100)).Backoff().Because(ctx.Err())
	}
}
