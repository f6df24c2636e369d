package link

import (
	"context"
	"regexp"
	"testing"

	"opsbot/bot"
	"opsbot/test/conformance/commandtest"
)

// code has alice ask for a code, in a chat that can keep it from others.
func code(t *testing.T, r *commandtest.Rig, c *Command) string {
	t.Helper()
	req := r.Request(c)
	req.Message.Room.Instance = "chat"
	out, err := c.Run(t.Context(), req)
	if err != nil || !out.Private {
		t.Fatalf("a code that everybody sees: %+v %v", out, err)
	}
	r.Write(out.Commit)
	found := regexp.MustCompile("`link ([A-Za-z0-9]{10})`").FindStringSubmatch(commandtest.Text(out.Reply))
	if found == nil {
		t.Fatalf("no code in %q", commandtest.Text(out.Reply))
	}
	return found[1]
}

// bob says link CODE elsewhere.
func bob(r *commandtest.Rig, c *Command, given string, direct bool) *bot.Request {
	req := r.Request(c, "code="+given)
	r.Write(func(ctx context.Context, tx *bot.Tx) (err error) {
		req.User, err = tx.Users.ByAccount(ctx, bot.Account{Instance: "chat", Workspace: "w", ID: "U1", Name: "bob"}, req.Now)
		return err
	})
	req.Message.Direct, req.Message.Author = direct, req.User.Account
	return req
}

func TestLink(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	c := New(r.Services)
	req := bob(r, c, code(t, r, c), true)
	plan, err := c.Plan(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	r.Want(string(plan.Title)+bot.Unescape(plan.Lines[0]), "Become one person with alice", "bob (chat:w/U1) joins alice (console:alice)")
	reply, err := r.Do(c, req)
	if err != nil {
		t.Fatal(err)
	}
	r.Want(commandtest.Text(reply), "You are alice now")
	r.Read(func(ctx context.Context, tx *bot.Tx) error {
		logins, err := tx.Logins.Of(ctx, r.Alice.ID)
		if len(logins) != 2 {
			t.Errorf("alice's accounts: %+v", logins)
		}
		return err
	})
	// A code is good for one.
	if _, err := c.Plan(t.Context(), bob(r, c, req.Value("code"), true)); bot.CodeOf(err) != bot.CodeNotFound {
		t.Errorf("used twice: %v", err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	c := New(r.Services)
	r.Refused(c, bot.CodeUnsupported, "direct message") // the rig's console hides nothing
	if _, err := c.Plan(t.Context(), bob(r, c, "AAAAAAAAAA", true)); bot.CodeOf(err) != bot.CodeNotFound {
		t.Errorf("a guess: %v", err)
	}
	mine := r.Request(c, "code="+code(t, r, c))
	mine.Message.Direct = true
	if _, err := c.Plan(t.Context(), mine); bot.CodeOf(err) != bot.CodeConflict {
		t.Errorf("my own code: %v", err)
	}
	old := bob(r, c, code(t, r, c), true)
	old.Now = old.Now.Add(codeLife + 1)
	if _, err := c.Plan(t.Context(), old); bot.CodeOf(err) != bot.CodeNotFound {
		t.Errorf("an old code: %v", err)
	}
}

// TestBurnt: a code that others could read is good for nobody.
func TestBurnt(t *testing.T) {
	t.Parallel()
	r := commandtest.New(t)
	c := New(r.Services)
	given := code(t, r, c)
	public := bob(r, c, given, false)
	if plan, err := c.Plan(t.Context(), public); plan != nil || err != nil {
		t.Fatalf("%v %v", plan, err)
	}
	out, err := c.Run(t.Context(), public)
	if err != nil {
		t.Fatal(err)
	}
	r.Write(out.Commit)
	r.Want(commandtest.Text(out.Reply), "Everybody here saw that code")
	if _, err := c.Plan(t.Context(), bob(r, c, given, true)); bot.CodeOf(err) != bot.CodeNotFound {
		t.Errorf("still good: %v", err)
	}
}
