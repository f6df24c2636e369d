package storetest

import (
	"context"
	"encoding/json"
	"testing"

	"opsbot/bot"
)

func recordRules() []rule {
	return []rule{
		{"audit/appended and found", auditFind},
		{"documents/compare and set", documentCAS},
		{"documents/list by prefix", documentList},
	}
}

func auditFind(t *testing.T, e *env) {
	a := bot.AuditRow{
		ID: "1", At: e.now(), UserID: "u", UserName: "alice", Account: account("1", "alice"), AsOwner: true,
		Verb: "deploy", Args: "x to y", ProjectID: "p", Environment: "y", Decision: "allowed", Policies: []string{"a", "b"},
		PlanHash: "h", Outcome: "done", Cause: bot.Cause{Cause: "c", Root: "r"},
	}
	b := bot.AuditRow{ID: "2", At: e.now(), UserID: "v", Decision: "refused", Cause: bot.Cause{Root: "r"}}
	for _, row := range []bot.AuditRow{a, b} {
		e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Audit.Append(ctx, row) })
	}
	e.refused(bot.CodeConflict, func(ctx context.Context, tx *bot.Tx) error { return tx.Audit.Append(ctx, a) })
	for _, x := range []struct {
		filter bot.AuditFilter
		want   []bot.AuditRow
	}{
		{bot.AuditFilter{}, []bot.AuditRow{b, a}},
		{bot.AuditFilter{ProjectID: "p"}, []bot.AuditRow{a}},
		{bot.AuditFilter{UserID: "v"}, []bot.AuditRow{b}},
		{bot.AuditFilter{Root: "r", Limit: 1}, []bot.AuditRow{b}},
		{bot.AuditFilter{Root: "s"}, nil},
	} {
		same(t, get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.AuditRow, error) { return tx.Audit.Find(ctx, x.filter) }), x.want)
	}
}

func document(key string, rev int64, body string) bot.Document {
	return bot.Document{Instance: "i", Kind: "k", Key: key, Rev: rev, Body: json.RawMessage(body)}
}

func putDocument(d bot.Document) func(ctx context.Context, tx *bot.Tx) (int64, error) {
	return func(ctx context.Context, tx *bot.Tx) (int64, error) { return tx.Documents.Put(ctx, d) }
}

func documentCAS(t *testing.T, e *env) {
	stale := func(d bot.Document) {
		t.Helper()
		e.refused(bot.CodeStale, func(ctx context.Context, tx *bot.Tx) error {
			_, err := putDocument(d)(ctx, tx)
			return err
		})
	}
	stale(document("a", 1, "{}")) // there is none
	if rev := get(e, putDocument(document("a", 0, `{"n":1}`))); rev != 1 {
		t.Errorf("first revision %d", rev)
	}
	stale(document("a", 0, "{}"))
	if rev := get(e, putDocument(document("a", 1, `{"n":2}`))); rev != 2 {
		t.Errorf("second revision %d", rev)
	}
	stale(document("a", 1, "{}"))
	read := func(ctx context.Context, tx *bot.Tx) (bot.Document, error) {
		return tx.Documents.Get(ctx, "i", "k", "a")
	}
	same(t, get(e, read), document("a", 2, `{"n":2}`))
	for range 2 { // absent is success
		e.write(func(ctx context.Context, tx *bot.Tx) error { return tx.Documents.Delete(ctx, "i", "k", "a") })
	}
	e.refused(bot.CodeNotFound, func(ctx context.Context, tx *bot.Tx) error {
		_, err := read(ctx, tx)
		return err
	})
}

func documentList(t *testing.T, e *env) {
	for _, key := range []string{"b/2", "B/1", "b/10", "b", "b/Z", "b%x", "é/1", "é", "b0"} {
		get(e, putDocument(document(key, 0, "{}")))
	}
	other := document("b/2", 0, "{}")
	other.Kind = "other"
	get(e, putDocument(other))
	for _, x := range []struct {
		prefix, after string
		limit         int
		want          []string
	}{
		{"b/", "", 0, []string{"b/10", "b/2", "b/Z"}},
		{"b/", "b/10", 1, []string{"b/2"}},
		{"b%", "", 0, []string{"b%x"}},
		{"é", "", 0, []string{"é", "é/1"}},
		{"", "", 3, []string{"B/1", "b", "b%x"}},
		{"c", "", 0, nil},
	} {
		got := get(e, func(ctx context.Context, tx *bot.Tx) ([]bot.Document, error) {
			return tx.Documents.List(ctx, "i", "k", x.prefix, x.after, x.limit)
		})
		var found []string
		for _, d := range got {
			found = append(found, d.Key)
		}
		same(t, found, x.want)
	}
}
