package localgit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"opsbot/bot"
)

// hookScript is a hook that notes which refs a push is about to change ("intent",
// before anything changed) or has changed ("applied"). One file per push, no child
// process. The last line tells a whole file from one cut off by a kill or a full
// disk. What is not noted is still found by comparing refs; the notes add who
// pushed, and the steps in between when several pushes came before a delivery.
func hookScript(what string) string {
	return fmt.Sprintf(`#!/bin/sh
# Written by OpsBot at every start; changes are lost.
[ -n "${OPSBOT_SPOOL:-}" ] && [ -n "${OPSBOT_PUSH:-}" ] || exit 0
if ! {
	printf 'pusher %%s\n' "${OPSBOT_PUSHER:-}" &&
	while read -r old new ref; do printf 'ref %%s %%s %%s\n' "$old" "$new" "$ref" || exit 1; done &&
	printf 'end\n'
} > "$OPSBOT_SPOOL/$OPSBOT_PUSH.%s"; then
	echo "OpsBot could not note this push; is the disk full? Nothing was changed. Please push again later." >&2
	exit 1
fi
`, what)
}

// change is one ref moved by one push; "" stands for "no commit".
type change struct {
	Push, Pusher  string
	Ref, Old, New string
	Applied       bool // by the hook that runs afterwards; otherwise only intended
	At            time.Time
}

// spooled reads the notes about a repository, in the order of the pushes. Of a push
// whose outcome was noted the intentions are left out.
func (f *Forge) spooled(id string) (changes []change, pushes []string, err error) {
	entries, err := os.ReadDir(f.path("spool", id))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("localgit: read notes of %s: %w", id, err)
	}
	found := map[string][]change{}
	for _, e := range entries { // sorted: "X.applied" comes before "X.intent"
		push, what, ok := strings.Cut(e.Name(), ".")
		if !ok || what != "applied" && what != "intent" {
			continue
		}
		if !slices.Contains(pushes, push) {
			pushes = append(pushes, push)
		}
		if _, done := found[push]; done {
			continue
		}
		data, err := os.ReadFile(f.path("spool", id, e.Name()))
		if err != nil {
			return nil, nil, fmt.Errorf("localgit: read note of push %s: %w", push, err)
		}
		if list, whole := readNote(push, string(data), what == "applied"); whole {
			found[push] = list
		}
	}
	for _, push := range pushes {
		changes = append(changes, found[push]...)
	}
	return changes, pushes, nil
}

func readNote(push, text string, applied bool) (list []change, whole bool) {
	pusher := ""
	for line := range strings.Lines(text) {
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch word {
		case "pusher":
			pusher = rest
		case "ref":
			part := strings.SplitN(rest, " ", 3)
			if len(part) == 3 && isHash(part[0]) && isHash(part[1]) {
				list = append(list, change{
					Push: push, Pusher: pusher, Ref: part[2], Applied: applied,
					Old: unzero(part[0]), New: unzero(part[1]), At: timeOf(push),
				})
			}
		case "end":
			return list, true
		}
	}
	return nil, false
}

// note writes what the hooks write, for a push that OpsBot makes itself.
func (f *Forge) note(id string, c change) error {
	dir := f.path("spool", id)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	text := fmt.Sprintf("pusher %s\nref %s %s %s\nend\n", c.Pusher, zeroed(c.Old), zeroed(c.New), c.Ref)
	what := ".intent"
	if c.Applied {
		what = ".applied"
	}
	return replaceFile(filepath.Join(dir, c.Push+what), text, 0o600)
}

func (f *Forge) forget(id string, pushes []string) error {
	var all error
	for _, push := range pushes {
		for _, what := range []string{".intent", ".applied"} {
			if err := os.Remove(f.path("spool", id, push+what)); err != nil && !errors.Is(err, os.ErrNotExist) {
				all = errors.Join(all, err)
			}
		}
	}
	return all
}

// timeOf reads the millisecond out of a UUIDv7.
func timeOf(id string) time.Time {
	hex := strings.ReplaceAll(id, "-", "")
	if len(hex) < 12 {
		return time.Time{}
	}
	ms, err := strconv.ParseInt(hex[:12], 16, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func isHash(s string) bool {
	if len(s) != 40 && len(s) != 64 {
		return false
	}
	for i := range len(s) {
		if (s[i] < '0' || s[i] > '9') && (s[i] < 'a' || s[i] > 'f') {
			return false
		}
	}
	return true
}

// unzero turns git's hash of zeros, "no commit", into "".
func unzero(hash string) string {
	if strings.Trim(hash, "0") == "" {
		return ""
	}
	return hash
}

func zeroed(hash string) string {
	if hash == "" {
		return strings.Repeat("0", 40)
	}
	return hash
}

// plainName is a pusher's name on one line.
func plainName(u bot.User) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return -1
		}
		return r
	}, bot.Shorten(u.Name, 100))
}
