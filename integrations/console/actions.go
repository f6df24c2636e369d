package console

import (
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"opsbot/bot"
)

var clientID = regexp.MustCompile(`^[A-Za-z0-9-]{8,64}$`)

// input is what a form of the page says.
func (c *Console) input(r *http.Request) (Input, error) {
	account, _ := AccountFrom(r.Context())
	in := Input{
		Account: account, Owner: account.ID == ownerID, Room: r.PathValue("room"),
		Thread: r.PostFormValue("thread"), Text: r.PostFormValue("text"), ID: r.PostFormValue("id"),
	}
	if in.ID != "" && !clientID.MatchString(in.ID) || len(in.Thread) > 200 {
		return in, bot.Errorf(bot.CodeInvalid, "The form is not one of this page's.")
	}
	in.Action = r.PostFormValue("action")
	if in.ID != "" {
		// Nobody takes another's id, and nobody's words change after they were said:
		// the same id with something else is something else.
		in.ID = account.ID + ":" + in.ID + ":" + hash(in.Thread + "\x00" + in.Text + "\x00" + in.Action)[:16]
	}
	return in, nil
}

// sayFromPage takes what was typed. The stream shows it; the answer is empty.
func (c *Console) sayFromPage(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	in, err := c.input(r)
	in.Action = ""
	if err == nil {
		_, err = c.Say(r.Context(), in)
	}
	c.done(w, r, err)
}

// press takes a click on a stored action's button.
func (c *Console) press(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	in, err := c.input(r)
	in.Text = ""
	if err == nil {
		var form *bot.Form
		if form, err = c.env.Desk.Form(r.Context(), c.opener(r, in.Action)); err == nil && form != nil {
			c.goTo(w, r, formPath(in.Room, in.Action))
			return
		}
	}
	if err == nil {
		_, err = c.Say(r.Context(), in)
	}
	c.done(w, r, err)
}

// goTo sends the browser to another page.
func (c *Console) goTo(w http.ResponseWriter, r *http.Request, path string) {
	if r.Header.Get("HX-Request") != "" {
		w.Header().Set("HX-Redirect", path)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	http.Redirect(w, r, path, http.StatusSeeOther)
}

// done answers a form: nothing to show for htmx, back to the room without scripts.
func (c *Console) done(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case err != nil:
		c.fail(w, r, err)
	case r.Header.Get("HX-Request") != "":
		w.WriteHeader(http.StatusNoContent)
	default:
		http.Redirect(w, r, "/rooms/"+url.PathEscape(r.PathValue("room")), http.StatusSeeOther)
	}
}

// file serves an entry's file as what it is: data, never part of the page. Who may
// not see the entry does not get its file.
func (c *Console) file(w http.ResponseWriter, r *http.Request) {
	account, _ := AccountFrom(r.Context())
	at, err := strconv.ParseInt(r.URL.Query().Get("at"), 10, 64)
	if err != nil || at < 1 {
		at = 1
	}
	f, err := c.fileOf(r.Context(), c.Room(r.PathValue("room")), r.PathValue("entry"), at, account)
	if err != nil {
		c.fail(w, r, err)
		return
	}
	blob, err := c.env.Blobs.Open(r.Context(), f.Blob)
	if err != nil {
		c.fail(w, r, err)
		return
	}
	defer blob.Close()
	w.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("inline", map[string]string{"filename": fileName(f.Name)}))
	_, _ = io.Copy(w, blob) // a browser that is gone is no fault
}

// fileName is a name that no browser takes for a path.
func fileName(name string) string {
	return bot.Shorten(strings.Map(func(c rune) rune {
		if c < 0x20 || c == 0x7f || c == '/' || c == '\\' {
			return -1
		}
		return c
	}, name), 100)
}

// fileOf finds the file of an entry whose sequence number is at or, when it was
// edited since, a later one.
func (c *Console) fileOf(ctx context.Context, room bot.RoomRef, id string, at int64, account bot.Account) (file bot.File, err error) {
	err = c.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		for after := at - 1; ; {
			list, err := tx.Rooms.Entries(ctx, room, after, 100)
			if err != nil {
				return err
			}
			for _, e := range list {
				if e.ID == id && visible(e, account) && e.Post != nil && e.Post.File != nil {
					file = *e.Post.File
					return nil
				}
				after = e.Seq
			}
			if len(list) == 0 {
				return bot.Errorf(bot.CodeNotFound, "There is no such file, or no longer.")
			}
		}
	})
	return file, err
}

// accountPage shows who one is, and the git tokens.
func (c *Console) accountPage(w http.ResponseWriter, r *http.Request) {
	c.showAccount(w, r, "")
}

// showAccount lists the tokens; fresh is a new one, shown this once.
func (c *Console) showAccount(w http.ResponseWriter, r *http.Request, fresh string) {
	account, _ := AccountFrom(r.Context())
	var tokens []bot.Session
	err := c.env.Work.Write(r.Context(), func(ctx context.Context, tx *bot.Tx) error {
		user, err := tx.Users.ByAccount(ctx, account, c.env.Clock.Now())
		if err != nil {
			return err
		}
		tokens, err = tx.Sessions.List(ctx, "git", user.ID)
		return err
	})
	if err != nil {
		c.fail(w, r, err)
		return
	}
	c.page(w, r, http.StatusOK, "account", map[string]any{"Tokens": tokens, "Fresh": fresh, "PublicURL": c.env.PublicURL, "Title": "Account"})
}

func (c *Console) newToken(w http.ResponseWriter, r *http.Request) {
	account, _ := AccountFrom(r.Context())
	name := strings.TrimSpace(r.PostFormValue("name"))
	if name == "" || len(name) > 60 {
		c.fail(w, r, bot.Errorf(bot.CodeInvalid, "A token needs a name of at most 60 characters, such as the computer it is for."))
		return
	}
	secret := bot.NewToken() + bot.NewToken()
	err := c.env.Work.Write(r.Context(), func(ctx context.Context, tx *bot.Tx) error {
		user, err := tx.Users.ByAccount(ctx, account, c.env.Clock.Now())
		if err != nil {
			return err
		}
		return tx.Sessions.Put(ctx, bot.Session{Hash: hash(secret), Kind: "git", UserID: user.ID, Name: name, CreatedAt: c.env.Clock.Now()})
	})
	if err != nil {
		c.fail(w, r, err)
		return
	}
	c.showAccount(w, r, secret)
}

func (c *Console) revokeToken(w http.ResponseWriter, r *http.Request) {
	account, _ := AccountFrom(r.Context())
	err := c.env.Work.Write(r.Context(), func(ctx context.Context, tx *bot.Tx) error {
		user, err := tx.Users.ByAccount(ctx, account, c.env.Clock.Now())
		if err != nil {
			return err
		}
		mine, err := tx.Sessions.List(ctx, "git", user.ID)
		if err != nil {
			return err
		}
		for _, s := range mine {
			if s.Hash == r.PostFormValue("hash") {
				return tx.Sessions.Revoke(ctx, "git", s.Hash)
			}
		}
		return bot.Errorf(bot.CodeNotFound, "You have no such token.")
	})
	if err != nil {
		c.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/account", http.StatusSeeOther)
}
