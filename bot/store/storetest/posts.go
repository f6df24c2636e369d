package storetest

import (
	"context"
	"testing"
	"time"

	"opsbot/bot"
)

func postRules() []rule {
	return []rule{
		{"posts/equal content is no change", postEqual},
		{"posts/an edit is wanted again", postEdit},
		{"posts/a card is made and touched", postCard},
		{"posts/wanted more while delivered", postGrows},
		{"posts/order in a room", postOrder},
		{"posts/an edit holds nobody up", postEditFree},
		{"posts/rooms don't wait for each other", postRooms},
		{"posts/leases", postLeases},
		{"posts/marked when claimed", postMarked},
		{"posts/a lost lease is not freed", postStaleWorker},
		{"posts/postponed until then", postPostponed},
		{"posts/numbered per room", postNumbers},
	}
}

func post(r, key, title string) bot.Post {
	return bot.Post{Key: key, Room: room(r), Title: bot.Text(title), Root: "root"}
}

func (e *env) put(p bot.Post) {
	e.t.Helper()
	e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Posts.Put(ctx, p) })
}

func (e *env) claimPosts(owner string, limit int) []bot.PostRow {
	e.t.Helper()
	return get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.PostRow, error) {
		return tx.Posts.Claim(ctx, bot.PostClaim{Owner: owner, Now: e.now(), Lease: lease, Limit: limit})
	})
}

func (e *env) post(r, key string) bot.PostRow {
	e.t.Helper()
	return get(e, func(ctx context.Context, tx *bot.Tx) (bot.PostRow, error) { return tx.Posts.Get(ctx, room(r), key) })
}

// delivered says that the chat shows what row wanted when it was claimed.
func (e *env) delivered(row bot.PostRow) {
	e.t.Helper()
	row.Delivered, row.MessageID, row.NotBefore, row.Attempts = row.Wanted, "m-"+row.Key, time.Time{}, 0
	e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Posts.Delivered(ctx, row) })
}

func (e *env) postponed(row bot.PostRow, d time.Duration) {
	e.t.Helper()
	row.NotBefore, row.Attempts = e.now().Add(d), row.Attempts+1
	e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Posts.Delivered(ctx, row) })
}

func postKeys(rows []bot.PostRow) (out []string) {
	for _, r := range rows {
		out = append(out, r.Key)
	}
	return out
}

func postEqual(t *testing.T, e *env) {
	p := post("r", "k", "a")
	p.Buttons, p.Fields = []bot.Button{{Label: "x"}}, []bot.Field{{Name: "n", Value: "v"}}
	e.put(p)
	first := e.post("r", "k")
	if first.Wanted != 1 || first.Delivered != 0 || first.Content == nil || first.Root != "root" {
		t.Errorf("made %s", show(first))
	}
	same(t, *first.Content, p)
	p.Root, p.Cause = "another", "cause" // who says it is not what is said
	e.put(p)
	same(t, e.post("r", "k"), first)
	e.refused(bot.CodeNotFound, func(ctx context.Context, tx *bot.Tx) error {
		_, err := tx.Posts.Get(ctx, room("r"), "none")
		return err
	})
	e.refused(bot.CodeInvalid, func(ctx context.Context, tx *bot.Tx) error { return tx.Posts.Put(ctx, post("r", "", "x")) })
}

func postEdit(t *testing.T, e *env) {
	e.put(post("r", "k", "a"))
	rows := e.claimPosts("w", 9)
	if len(rows) != 1 || rows[0].LeaseOwner != "w" || rows[0].Wanted != 1 {
		t.Fatalf("got %s", show(rows))
	}
	rows[0].Shown, rows[0].Thread = "hash", "t"
	e.delivered(rows[0])
	if got := e.claimPosts("w", 9); got != nil {
		t.Errorf("claimed what is shown: %s", show(got))
	}
	e.put(post("r", "k", "b"))
	got := e.claimPosts("w", 9)
	if len(got) != 1 || got[0].Wanted != 2 || got[0].Delivered != 1 || got[0].MessageID != "m-k" ||
		got[0].Content.Title != "b" || got[0].Shown != "hash" || got[0].Thread != "t" || got[0].Seq != rows[0].Seq {
		t.Errorf("the edit: %s", show(got))
	}
}

func postCard(t *testing.T, e *env) {
	touch := func(id string) {
		e.write(func(ctx context.Context, tx *bot.Tx) error {
			return tx.Posts.Touch(ctx, room("r"), "card", "change", id, bot.Cause{Root: "root"})
		})
	}
	touch("1")
	touch("1")
	rows := e.claimPosts("w", 9)
	if len(rows) != 1 || rows[0].CardKind != "change" || rows[0].CardID != "1" || rows[0].Content != nil || rows[0].Wanted != 2 {
		t.Fatalf("got %s", show(rows))
	}
	e.delivered(rows[0])
	touch("1")
	if got := e.claimPosts("w", 9); len(got) != 1 || got[0].Wanted != 3 {
		t.Errorf("touched: %s", show(got))
	}
}

func postGrows(t *testing.T, e *env) {
	e.put(post("r", "k", "a"))
	rows := e.claimPosts("w", 9)
	e.put(post("r", "k", "b"))
	if got := e.claimPosts("w", 9); got != nil {
		t.Errorf("claimed while leased: %s", show(got))
	}
	wake, stop := e.Listen(bot.QueuePosts)
	defer stop()
	e.delivered(rows[0])
	woken(t, wake)
	if got := e.claimPosts("w", 9); len(got) != 1 || got[0].Delivered != 1 || got[0].Wanted != 2 {
		t.Errorf("due again: %s", show(got))
	}
}

func postOrder(t *testing.T, e *env) {
	for _, k := range []string{"3", "1", "2"} {
		e.put(post("r", k, k))
	}
	rows := e.claimPosts("a", 1)
	same(t, postKeys(rows), []string{"3"})
	if got := e.claimPosts("b", 9); got != nil {
		t.Errorf("passed a leased one: %v", postKeys(got))
	}
	e.postponed(rows[0], time.Hour)
	if got := e.claimPosts("b", 9); got != nil {
		t.Errorf("passed a postponed one: %v", postKeys(got))
	}
	e.clock.Advance(time.Hour)
	rows = e.claimPosts("b", 9)
	same(t, postKeys(rows), []string{"3", "1", "2"})
	if rows[0].Attempts != 1 {
		t.Errorf("%d attempts, want 1", rows[0].Attempts)
	}
}

func postEditFree(t *testing.T, e *env) {
	e.put(post("r", "1", "a"))
	e.delivered(e.claimPosts("a", 1)[0])
	e.put(post("r", "1", "b"))
	edit := e.claimPosts("a", 1)
	e.put(post("r", "2", "c"))
	same(t, postKeys(e.claimPosts("a", 9)), []string{"2"})
	e.postponed(edit[0], time.Hour)
	e.put(post("r", "3", "d"))
	if got := e.claimPosts("a", 9); got != nil {
		t.Errorf("passed the leased 2: %v", postKeys(got))
	}
}

func postRooms(t *testing.T, e *env) {
	e.put(post("r", "1", "a"))
	e.postponed(e.claimPosts("a", 1)[0], time.Hour)
	e.put(post("r", "2", "a"))
	e.put(post("s", "3", "a"))
	same(t, postKeys(e.claimPosts("a", 9)), []string{"3"})
}

func postLeases(t *testing.T, e *env) {
	e.put(post("r", "1", "a"))
	e.claimPosts("a", 9)
	e.clock.Advance(lease - time.Microsecond)
	if got := e.claimPosts("b", 9); got != nil {
		t.Errorf("claimed while leased: %v", postKeys(got))
	}
	e.clock.Advance(time.Microsecond)
	if got := e.claimPosts("b", 9); len(got) != 1 || got[0].LeaseOwner != "b" {
		t.Errorf("after the lease: %s", show(got))
	}
}

func postStaleWorker(t *testing.T, e *env) {
	e.put(post("r", "1", "a"))
	stale := e.claimPosts("a", 9)
	e.clock.Advance(lease)
	fresh := e.claimPosts("b", 9)
	e.put(post("r", "1", "b"))
	e.delivered(stale[0]) // it did send it, after all
	if got := e.claimPosts("c", 9); got != nil {
		t.Errorf("the stale worker freed b's lease: %s", show(got))
	}
	if row := e.post("r", "1"); row.MessageID != "m-1" || row.Delivered != 1 {
		t.Errorf("the message that the chat shows is not known: %s", show(row))
	}
	fresh[0].Wanted = 0 // what it last knew to be shown is older: that changes nothing
	e.delivered(fresh[0])
	if row := e.post("r", "1"); row.Delivered != 1 || row.MessageID != "m-1" {
		t.Errorf("went back to %s", show(row))
	}
	same(t, postKeys(e.claimPosts("c", 9)), []string{"1"})
}

func postPostponed(t *testing.T, e *env) {
	e.put(post("r", "1", "a"))
	e.postponed(e.claimPosts("a", 1)[0], time.Hour)
	e.clock.Advance(time.Hour - time.Microsecond)
	if got := e.claimPosts("a", 1); got != nil {
		t.Errorf("claimed before its time: %v", postKeys(got))
	}
	e.clock.Advance(time.Microsecond)
	same(t, postKeys(e.claimPosts("a", 1)), []string{"1"})
}

func postNumbers(t *testing.T, e *env) {
	for _, p := range [][2]string{{"r", "a"}, {"s", "a"}, {"r", "b"}, {"r", "a"}} {
		e.put(post(p[0], p[1], p[0]))
	}
	got := []int64{e.post("r", "a").Seq, e.post("s", "a").Seq, e.post("r", "b").Seq}
	same(t, got, []int64{1, 1, 2})
}

func postMarked(t *testing.T, e *env) {
	e.put(post("dev", "a", "hello"))
	claim := func() bot.PostRow {
		t.Helper()
		rows := get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.PostRow, error) {
			return tx.Posts.Claim(ctx, bot.PostClaim{Owner: "w", Now: e.now(), Lease: lease, Limit: 1, Mark: "on its way"})
		})
		if len(rows) != 1 {
			t.Fatalf("claimed %d posts", len(rows))
		}
		return rows[0]
	}
	if row := claim(); row.Shown != "" {
		t.Errorf("claimed it says that %q was shown, but nothing was", row.Shown)
	}
	if got := e.post("dev", "a").Shown; got != "on its way" {
		t.Errorf("stored is %q", got)
	}
	e.clock.Advance(2 * lease) // its holder was killed
	if row := claim(); row.Shown != "on its way" {
		t.Errorf("claimed after a kill it says that %q was shown", row.Shown)
	}
}
