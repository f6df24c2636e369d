package console

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"time"

	"opsbot/bot"
)

// SayRequest is the body of POST /say on the owner's socket.
type SayRequest struct {
	Text   string `json:"text"`
	As     string `json:"as,omitempty"` // account id to speak as; "" = the owner
	Room   string `json:"room,omitempty"`
	Thread string `json:"thread,omitempty"`
	Name   string `json:"name,omitempty"` // how the owner is called
}

// SayLine is one line of the answer: an entry as it comes, or the end.
type SayLine struct {
	Entry *bot.RoomEntry `json:"entry,omitempty"`
	End   *SayEnd        `json:"end,omitempty"`
	Error string         `json:"error,omitempty"`
}

// SayEnd closes the answer: nothing under the text's root is open any more.
type SayEnd struct {
	Root   string `json:"root"`
	Failed int    `json:"failed"`
}

// ownerID is the console account of the person whose machine this is.
const ownerID = "owner"

var accountName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// Speaker is the account of the owner, called name, or of whom the owner speaks as.
func (c *Console) Speaker(as, name string) (bot.Account, error) {
	a := bot.Account{Instance: c.env.Name, ID: ownerID, Name: name}
	if as != "" {
		if !accountName.MatchString(as) {
			return a, bot.Errorf(bot.CodeInvalid, "%q can't be a user's name.", bot.Shorten(as, 40))
		}
		a.ID, a.Name = as, as
	}
	if !accountName.MatchString(a.Name) {
		a.Name = ownerID
	}
	return a, nil
}

// SayHandler answers POST /say on the owner's socket: it says the text and streams
// the room's entries as JSON lines until nothing under the text's root is open.
func (c *Console) SayHandler() http.Handler {
	return c.sayAs(func(_ context.Context, req SayRequest) (bot.Account, bool, error) {
		account, err := c.Speaker(req.As, req.Name)
		return account, true, err
	})
}

// remoteSay answers POST /say on the console's listener, for whom Guard let in by
// a token. Nobody speaks as another there.
func (c *Console) remoteSay() http.Handler {
	return c.sayAs(func(ctx context.Context, req SayRequest) (bot.Account, bool, error) {
		account, ok := AccountFrom(ctx)
		if !ok {
			return account, false, bot.Errorf(bot.CodeUnauthenticated, "This needs a token.")
		}
		if req.As != "" {
			return account, false, bot.Errorf(bot.CodeForbidden, "Speaking as somebody else works only on the machine where OpsBot runs.")
		}
		return account, account.ID == ownerID, nil
	})
}

// sayAs is a handler of POST /say; who tells whose words they are, and whether the
// owner says them.
func (c *Console) sayAs(who func(ctx context.Context, req SayRequest) (account bot.Account, owner bool, err error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req SayRequest
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&req); err != nil {
			http.Error(w, "the body is no JSON of the expected form", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		out := &lines{enc: json.NewEncoder(w), rc: http.NewResponseController(w)}
		account, owner, err := who(r.Context(), req)
		if err == nil {
			err = c.follow(r.Context(), Input{Account: account, Owner: owner, Room: req.Room, Thread: req.Thread, Text: req.Text}, out)
		}
		if err != nil && r.Context().Err() == nil {
			out.write(SayLine{Error: bot.MessageOf(err)})
			if bot.CodeOf(err) == bot.CodeInternal {
				c.env.Log.Error("console: say", "error", err)
			}
		}
	})
}

// lines writes JSON lines that arrive at once.
type lines struct {
	enc *json.Encoder
	rc  *http.ResponseController
}

func (l *lines) write(line SayLine) {
	if l.enc.Encode(line) == nil {
		_ = l.rc.Flush() // a reader that is gone ends the request's context
	}
}

// follow says the text and reports what comes.
func (c *Console) follow(ctx context.Context, in Input, out *lines) error {
	if in.Room == "" {
		in.Room = c.cfg.Rooms[0]
	}
	wake, stop := c.env.Waker.Listen(bot.QueueRooms)
	defer stop()
	room, account := c.Room(in.Room), in.Account
	seq, err := c.lastSeq(ctx, room)
	if err != nil {
		return err
	}
	root, err := c.Say(ctx, in)
	if err != nil {
		return err
	}
	for {
		open, failed, err := c.state(ctx, root)
		if err != nil {
			return err
		}
		if seq, err = c.report(ctx, room, seq, account, out); err != nil {
			return err
		}
		if open == 0 {
			out.write(SayLine{End: &SayEnd{Root: root, Failed: failed}})
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wake:
		case <-c.env.Clock.After(250 * time.Millisecond):
		}
	}
}

// state counts what is open and what failed under a root. It is read before the
// room, so that what closed the last row is seen in the room.
func (c *Console) state(ctx context.Context, root string) (open, failed int, err error) {
	err = c.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		if open, err = tx.Causes.Open(ctx, root); err != nil {
			return err
		}
		failed, err = tx.Causes.Failed(ctx, root)
		return err
	})
	return open, failed, err
}

func (c *Console) lastSeq(ctx context.Context, room bot.RoomRef) (seq int64, err error) {
	err = c.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		r, err := knownRoom(ctx, tx, room)
		seq = r.Seq
		return err
	})
	return seq, err
}

// knownRoom finds a room; nobody makes one by speaking into it.
func knownRoom(ctx context.Context, tx *bot.Tx, ref bot.RoomRef) (bot.Room, error) {
	r, err := tx.Rooms.Get(ctx, ref)
	if bot.CodeOf(err) == bot.CodeNotFound {
		return r, bot.Errorf(bot.CodeNotFound, "There is no room %q in the console.", bot.Shorten(ref.ID, 40))
	}
	return r, err
}

// report writes the entries after seq that the account may see.
func (c *Console) report(ctx context.Context, room bot.RoomRef, seq int64, account bot.Account, out *lines) (int64, error) {
	for {
		var list []bot.RoomEntry
		err := c.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
			list, err = tx.Rooms.Entries(ctx, room, seq, 100)
			return err
		})
		if err != nil || len(list) == 0 {
			return seq, err
		}
		for i := range list {
			seq = list[i].Seq
			if visible(list[i], account) {
				out.write(SayLine{Entry: &list[i]})
			}
		}
	}
}
