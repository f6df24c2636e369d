package store

import (
	"context"

	"github.com/uptrace/bun"

	"opsbot/bot"
)

type documentRow struct {
	bun.BaseModel `bun:"table:documents"`
	Instance      string `bun:"instance,pk"`
	Kind          string `bun:"kind,pk"`
	DocKey        string `bun:"doc_key,pk"`
	Rev           int64  `bun:"rev"`
	Body          string `bun:"body"`
}

func (r documentRow) noun() bot.Document {
	return bot.Document{Instance: r.Instance, Kind: r.Kind, Key: r.DocKey, Rev: r.Rev, Body: rawJSON(r.Body)}
}

type documents struct{ *work }

var _ bot.Documents = documents{}

const oneDocument = "instance = ? AND kind = ? AND doc_key = ?"

// Get implements bot.Documents.
func (r documents) Get(ctx context.Context, instance, kind, key string) (bot.Document, error) {
	row, err := first[documentRow](ctx, r.work, bot.Errorf(bot.CodeNotFound, "%s has no %s %q.", instance, kind, key),
		where(oneDocument, instance, kind, key))
	return row.noun(), err
}

// Put implements bot.Documents.
func (r documents) Put(ctx context.Context, d bot.Document) (int64, error) {
	stale := bot.Errorf(bot.CodeStale, "The %s %q of %s has changed meanwhile.", d.Kind, d.Key, d.Instance)
	if d.Rev == 0 {
		return 1, insert(ctx, r.work, &documentRow{Instance: d.Instance, Kind: d.Kind, DocKey: d.Key, Rev: 1, Body: string(d.Body)}, stale)
	}
	n, err := r.raw(ctx, "write a document", "UPDATE documents SET rev = rev + 1, body = ? WHERE "+oneDocument+" AND rev = ?",
		string(d.Body), d.Instance, d.Kind, d.Key, d.Rev)
	if err == nil && n == 0 {
		return 0, stale
	}
	return d.Rev + 1, err
}

// Delete implements bot.Documents.
func (r documents) Delete(ctx context.Context, instance, kind, key string) error {
	_, err := r.raw(ctx, "delete a document", "DELETE FROM documents WHERE "+oneDocument, instance, kind, key)
	return err
}

// List implements bot.Documents.
func (r documents) List(ctx context.Context, instance, kind, prefix, after string, n int) ([]bot.Document, error) {
	return list(ctx, r.work, documentRow.noun, where("instance = ? AND kind = ?", instance, kind),
		prefixed("doc_key", prefix), where("doc_key > ?", after), order("doc_key"), limit(n))
}
