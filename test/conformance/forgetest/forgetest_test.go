package forgetest_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance"
	"opsbot/test/conformance/forgetest"
)

func TestFake(t *testing.T) {
	t.Parallel()
	forgetest.Run(t, func(*testing.T) forgetest.Rig {
		r, _ := forgetest.NewRig()
		return r
	})
}

// second runs do the second time it is called and every later time.
func second(do func()) func() {
	var mu sync.Mutex
	calls := 0
	return func() {
		mu.Lock()
		defer mu.Unlock()
		if calls++; calls > 1 {
			do()
		}
	}
}

// unique gives another text each time it is called.
func unique() func() string {
	var mu sync.Mutex
	id := 0
	return func() string { mu.Lock(); defer mu.Unlock(); id++; return strings.Repeat("x", id) }
}

// repositories name the rule about repositories that each broken forge must be
// caught by.
func repositories() map[string]func(b *broken) {
	return map[string]func(b *broken){
		"what was never made is absent": func(b *broken) {
			b.find = func(bot.Presence, bot.Repository, error) (bot.Presence, bot.Repository, error) {
				return bot.PresenceUnknown, bot.Repository{}, nil
			}
		},
		"what was made is ours, as described": func(b *broken) {
			b.made = func(r *bot.Repository, err error) error {
				r.CloneURL = strings.Replace(r.CloneURL, "https://", "https://opsbot:token@", 1)
				return err
			}
			b.find = func(p bot.Presence, r bot.Repository, err error) (bot.Presence, bot.Repository, error) {
				r.CloneURL = strings.Replace(r.CloneURL, "https://", "https://opsbot:token@", 1)
				return p, r, err
			}
		},
		"ensuring twice makes one": func(b *broken) {
			id := unique()
			b.made = func(r *bot.Repository, err error) error { r.ExternalID += id(); return err }
			b.request = func(r *bot.PushRequest) { r.Repository.ExternalID = strings.Trim(r.Repository.ExternalID, "x") }
		},
		"another operation's repository is foreign": func(b *broken) { b.spec = func(s *bot.RepoSpec) { s.Operation = "op-1" } },
		"a conflict names owner and link": func(b *broken) {
			b.made = func(_ *bot.Repository, err error) error {
				if err != nil {
					return bot.Errorf(bot.CodeConflict, "It exists.")
				}
				return nil
			}
		},
		"names differ by more than case": func(b *broken) {
			b.find = func(p bot.Presence, r bot.Repository, err error) (bot.Presence, bot.Repository, error) {
				if p == bot.PresenceForeign {
					return bot.PresenceAbsent, bot.Repository{}, nil
				}
				return p, r, err
			}
		},
		"a name does not lead elsewhere": func(b *broken) {
			b.spec = func(s *bot.RepoSpec) { s.Name = strings.ReplaceAll(s.Name, "/", "_") }
		},
		"of many operations at once one wins":  func(b *broken) { b.spec = func(s *bot.RepoSpec) { s.Operation = "same" } },
		"the same operation at once makes one": func(b *broken) { id := unique(); b.spec = func(s *bot.RepoSpec) { s.Name += id() } },
		"a new repository is empty":            func(b *broken) { b.branches = func(m map[string]string) { m["readme"] = "x" } },
		"removed is absent, and removing again succeeds": func(b *broken) {
			gone := errors.New("it is gone")
			fail := false
			again := second(func() { fail = true })
			b.remove = func(r bot.Repository) error {
				if again(); fail {
					return gone
				}
				return b.Fake.RemoveRepository(context.Background(), r)
			}
		},
		"removing one leaves the others": func(b *broken) {
			b.remove = func(bot.Repository) error {
				for _, id := range []string{"1", "2", "3"} {
					_ = b.Fake.RemoveRepository(context.Background(), bot.Repository{ExternalID: id})
				}
				return nil
			}
		},
		"an id is never given twice": func(b *broken) { b.made = func(r *bot.Repository, err error) error { r.ExternalID = "1"; return err } },
		"a clone source is usable": func(b *broken) {
			b.source = func(s *bot.CloneSource) { s.URL = strings.Replace(s.URL, "https://", "https://a:b@", 1) }
		},
		"archiving twice succeeds and ends pushes": func(b *broken) { b.archive = func(bot.Repository) error { return nil } },
	}
}

// pushes are those about pushes.
func pushes() map[string]func(b *broken) {
	return map[string]func(b *broken){
		"a push makes one commit as asked": func(b *broken) { b.request = func(r *bot.PushRequest) { r.Operation = "" } },
		"a push repeated changes nothing": func(b *broken) {
			id := unique()
			b.pushed = func(c string, err error) (string, error) { return id() + c, err }
		},
		"the same push at once is one": func(b *broken) {
			id := unique()
			b.request = func(r *bot.PushRequest) { r.Branch += id(); r.Message = r.Branch }
		},
		"an occupied branch is a conflict": func(b *broken) { id := unique(); b.request = func(r *bot.PushRequest) { r.Branch += id() } },
		"a push to what is not there is not found": func(b *broken) {
			b.pushed = func(string, error) (string, error) { return strings.Repeat("a", 40), nil }
		},
	}
}

// reads are those about what is read of a repository.
func reads() map[string]func(b *broken) {
	return map[string]func(b *broken){
		"files are read as pushed": func(b *broken) {
			b.file = func(d []byte, err error) ([]byte, error) { return append(d[:len(d):len(d)], '\n'), err }
		},
		"what is not there is not found": func(b *broken) { b.file = func(d []byte, _ error) ([]byte, error) { return d, nil } },
		"large files are refused": func(b *broken) {
			b.file = func(d []byte, err error) ([]byte, error) {
				if bot.CodeOf(err) == bot.CodeTooLarge {
					err = nil
				}
				return d, err
			}
		},
		"commits are those in between, newest first": func(b *broken) { b.commits = func(from, _ *string, _ *int) { *from = "" } },
		"commits are bounded by the limit":           func(b *broken) { b.commits = func(_, _ *string, limit *int) { *limit = 100 } },
		"the nearest tag is the nearest":             func(b *broken) { b.tag = func(string) string { return "v0.9.0" } },
	}
}

// hooks are those about webhooks.
func hooks() map[string]func(b *broken) {
	return map[string]func(b *broken){
		"a hook is found once it is there":                func(b *broken) { b.hookID = func(string) string { return "" } },
		"ensuring a hook twice leaves one":                func(b *broken) { id := unique(); b.hookID = func(h string) string { return h + id() } },
		"hooks are told apart by resource and repository": func(b *broken) { b.hook = func(s *bot.HookSpec) { s.ResourceID, s.URL = "same", "same" } },
		"removing a hook twice succeeds": func(b *broken) {
			b.unhook = func(s bot.HookSpec) (bool, error) {
				if p, _, _ := b.Fake.FindHook(context.Background(), s); p == bot.PresenceAbsent {
					return true, errors.New("there is no such hook")
				}
				return false, nil
			}
		},
	}
}

// TestBrokenForgesAreRejected: every rule has a forge that breaks it and is caught.
func TestBrokenForgesAreRejected(t *testing.T) {
	t.Parallel()
	conformance.Reject(t, forgetest.Rules(), func(breakIt func(*broken)) forgetest.Rig {
		rig, fake := forgetest.NewRig()
		b := &broken{Fake: fake}
		breakIt(b)
		rig.Forge = b
		return rig
	}, repositories(), pushes(), reads(), hooks())
}
