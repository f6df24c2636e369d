package chattest_test

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance"
	"opsbot/test/conformance/chattest"
)

func room() bot.RoomRef { return bot.RoomRef{Instance: "fake", ID: "r"} }

func rig(chat bot.Chat, fake *chattest.Fake) chattest.Rig {
	return chattest.Rig{
		Chat: chat, Room: room(), Remove: fake.Remove,
		Messages:  func() []chattest.Message { return fake.Messages(room()) },
		Restarted: func() bot.Chat { return chat }, RoomName: "dev", Person: alice(),
	}
}

func alice() bot.Account { return bot.Account{Instance: "fake", ID: "u1", Name: "alice"} }

// social is a chat that knows its rooms and its people.
type social struct{ *chattest.Fake }

var (
	_ bot.RoomKeeper = social{}
	_ bot.Directory  = social{}
)

func (social) FindRoom(_ context.Context, name string) (bot.Room, error) {
	if name != "dev" && name != "#dev" && name != room().ID {
		return bot.Room{}, bot.Errorf(bot.CodeNotFound, "There is no room %q.", name)
	}
	return bot.Room{Ref: room(), Name: "dev"}, nil
}

func (social) JoinRoom(context.Context, bot.RoomRef) error  { return nil }
func (social) LeaveRoom(context.Context, bot.RoomRef) error { return nil }

func (social) Facts(_ context.Context, a bot.Account) (bot.Facts, error) {
	if a.ID != "u1" {
		return bot.Facts{}, bot.Errorf(bot.CodeNotFound, "There is no account %q.", a.ID)
	}
	return bot.Facts{Name: "alice"}, nil
}

func (social) ByEmail(context.Context, string) (bot.Account, error) {
	return bot.Account{}, bot.Errorf(bot.CodeNotFound, "Nobody has that address.")
}

func TestFakeKeepsTheContract(t *testing.T) {
	t.Parallel()
	chattest.Run(t, func(*testing.T) chattest.Rig {
		f := &chattest.Fake{Bounds: bot.ChatLimits{PerSecond: 1, Burst: 1}}
		return rig(social{f}, f)
	})
}

// Each of these breaks one rule.

type forgetsKeys struct {
	*chattest.Fake
	n *atomic.Int64
}

func (c forgetsKeys) Send(ctx context.Context, p bot.Post) (string, error) {
	p.Key += strconv.FormatInt(c.n.Add(1), 10)
	return c.Fake.Send(ctx, p)
}

type oneKey struct{ *chattest.Fake }

func (c oneKey) Send(ctx context.Context, p bot.Post) (string, error) {
	p.Key = "all"
	return c.Fake.Send(ctx, p)
}

type silent struct{ *chattest.Fake }

func (silent) Send(context.Context, bot.Post) (string, error) { return "m1", nil }

type editsByPosting struct{ *chattest.Fake }

func (c editsByPosting) Edit(ctx context.Context, _ string, p bot.Post) error {
	p.Key += "-edited"
	_, err := c.Send(ctx, p)
	return err
}

type repostsWhatIsGone struct{ *chattest.Fake }

func (c repostsWhatIsGone) Edit(ctx context.Context, id string, p bot.Post) error {
	if err := c.Fake.Edit(ctx, id, p); err != nil {
		_, err = c.Send(ctx, p)
		return err
	}
	return nil
}

type remembersForEver struct {
	*chattest.Fake
	ids *sync.Map
}

func (c remembersForEver) Send(ctx context.Context, p bot.Post) (string, error) {
	if id, ok := c.ids.Load(p.Key); ok {
		return id.(string), nil
	}
	id, err := c.Fake.Send(ctx, p)
	c.ids.Store(p.Key, id)
	return id, err
}

type deafToTheContext struct{ *chattest.Fake }

func (c deafToTheContext) Send(ctx context.Context, p bot.Post) (string, error) {
	return c.Fake.Send(context.WithoutCancel(ctx), p)
}

type flat struct{ *chattest.Fake }

func (c flat) Send(ctx context.Context, p bot.Post) (string, error) {
	p.Thread = ""
	return c.Fake.Send(ctx, p)
}

type nowhere struct{ social }

func (c nowhere) FindRoom(context.Context, string) (bot.Room, error) {
	return bot.Room{Ref: room(), Name: "dev"}, nil
}

type once struct {
	social
	n *atomic.Int64
}

func (c once) JoinRoom(context.Context, bot.RoomRef) error {
	if c.n.Add(1) > 1 {
		return bot.Errorf(bot.CodeConflict, "I am in that room already.")
	}
	return nil
}

type everybody struct{ social }

func (everybody) Facts(context.Context, bot.Account) (bot.Facts, error) {
	return bot.Facts{Name: "alice"}, nil
}

type stuck struct{ *chattest.Fake }

func (stuck) Limits() bot.ChatLimits { return bot.ChatLimits{PerSecond: 1} }

// TestBrokenChatsAreRejected: every rule has a chat that breaks it and is caught.
func TestBrokenChatsAreRejected(t *testing.T) {
	t.Parallel()
	all := map[string]func(*chattest.Fake) bot.Chat{
		"a post is shown once":                func(f *chattest.Fake) bot.Chat { return silent{f} },
		"the same key is never posted twice":  func(f *chattest.Fake) bot.Chat { return forgetsKeys{f, new(atomic.Int64)} },
		"the same key at once is posted once": func(f *chattest.Fake) bot.Chat { return forgetsKeys{f, new(atomic.Int64)} },
		"keys are per room message":           func(f *chattest.Fake) bot.Chat { return oneKey{f} },
		"an edit replaces in place":           func(f *chattest.Fake) bot.Chat { return editsByPosting{f} },
		"editing what is gone is not found":   func(f *chattest.Fake) bot.Chat { return repostsWhatIsGone{f} },
		"a removed message is posted anew":    func(f *chattest.Fake) bot.Chat { return remembersForEver{f, new(sync.Map)} },
		"an ended context is an error":        func(f *chattest.Fake) bot.Chat { return deafToTheContext{f} },
		"threads hold replies":                func(f *chattest.Fake) bot.Chat { return flat{f} },
		"limits make sense":                   func(f *chattest.Fake) bot.Chat { return stuck{f} },

		"after a restart a post is found again": func(f *chattest.Fake) bot.Chat { return forgetsKeys{f, new(atomic.Int64)} },
		"rooms are found by name and id":        func(f *chattest.Fake) bot.Chat { return nowhere{social{f}} },
		"entering and leaving twice is success": func(f *chattest.Fake) bot.Chat { return once{social{f}, new(atomic.Int64)} },
		"people are known by their id":          func(f *chattest.Fake) bot.Chat { return everybody{social{f}} },
	}
	conformance.Reject(t, chattest.Rules(), func(broken func(*chattest.Fake) bot.Chat) chattest.Rig {
		f := &chattest.Fake{Bounds: bot.ChatLimits{PerSecond: 1, Burst: 1}}
		return rig(broken(f), f)
	}, all)
}
