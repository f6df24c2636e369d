package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"opsbot/bot"
)

// micros is a time as it is stored: microseconds since 1970, UTC; 0 = zero time.
type micros int64

func us(t time.Time) micros {
	if t.IsZero() {
		return 0
	}
	return micros(t.UnixMicro())
}

func (m micros) time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(m)).UTC()
}

// doc is a nested value, stored as JSON text in both dialects.
type doc[T any] struct{ V T }

func docOf[T any](v T) doc[T] { return doc[T]{v} }

var (
	_ driver.Valuer = doc[int]{}
	_ sql.Scanner   = (*doc[int])(nil)
)

// Value gives the JSON text.
func (d doc[T]) Value() (driver.Value, error) {
	b, err := json.Marshal(d.V)
	return string(b), err
}

// Scan reads the JSON text back; "" gives the zero value.
func (d *doc[T]) Scan(src any) error {
	var b []byte
	switch s := src.(type) {
	case string:
		b = []byte(s)
	case []byte:
		b = s
	case nil:
	default:
		return fmt.Errorf("store: read JSON column: got %T", src)
	}
	var v T
	if len(b) > 0 {
		if err := json.Unmarshal(b, &v); err != nil {
			return fmt.Errorf("store: read JSON column: %w", err)
		}
	}
	d.V = v
	return nil
}

// cause are the two columns that tie a row to what made it.
type cause struct {
	Cause string `bun:"cause"`
	Root  string `bun:"root"`
}

func causeOf(c bot.Cause) cause    { return cause(c) }
func (c cause) noun() bot.Cause    { return bot.Cause(c) }
func place(r bot.RoomRef) roomCols { return roomCols{r.Instance, r.Workspace, r.ID} }

// roomCols are the columns that name a room.
type roomCols struct {
	Instance  string `bun:"instance"`
	Workspace string `bun:"workspace"`
	RoomID    string `bun:"room_id"`
}

func (r roomCols) ref() bot.RoomRef {
	return bot.RoomRef{Instance: r.Instance, Workspace: r.Workspace, ID: r.RoomID}
}

// inRoom is the condition that selects a room's rows; its arguments are r's fields.
const inRoom = "instance = ? AND workspace = ? AND room_id = ?"

// scope narrows a query; see where.
type scope func(*bun.SelectQuery) *bun.SelectQuery

func where(cond string, args ...any) scope {
	return func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where(cond, args...) }
}

func order(expr string) scope {
	return func(q *bun.SelectQuery) *bun.SelectQuery { return q.OrderExpr(expr) }
}

// limit bounds the list; n <= 0 does not.
func limit(n int) scope {
	return func(q *bun.SelectQuery) *bun.SelectQuery {
		if n <= 0 {
			return q
		}
		return q.Limit(int64(n))
	}
}

// first returns the first row; missing when there is none.
func first[R any](ctx context.Context, w *work, missing *bot.Error, scopes ...scope) (R, error) {
	var row R
	q := w.db.NewSelect().Model(&row).Limit(1)
	for _, s := range scopes {
		q = s(q)
	}
	err := q.Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return row, missing
	}
	return row, w.fail("read", row, err)
}

// list returns the rows, converted; nil when there is none.
func list[R, N any](ctx context.Context, w *work, noun func(R) N, scopes ...scope) ([]N, error) {
	var rows []R
	q := w.db.NewSelect().Model(&rows)
	for _, s := range scopes {
		q = s(q)
	}
	if err := q.Scan(ctx); err != nil {
		var row R
		return nil, w.fail("list", row, err)
	}
	return convert(rows, noun), nil
}

func convert[R, N any](rows []R, noun func(R) N) []N {
	var out []N
	for _, r := range rows {
		out = append(out, noun(r))
	}
	return out
}

// upsert inserts row, or replaces all its columns when the key columns are taken.
// Columns listed in only limit what is replaced.
func upsert[R any](ctx context.Context, w *work, row *R, key string, only ...string) error {
	q := w.db.NewInsert().Model(row).On("CONFLICT (" + key + ") DO UPDATE")
	for _, c := range only {
		q = q.Set("? = EXCLUDED.?", bun.Ident(c), bun.Ident(c))
	}
	_, err := q.Returning("NULL").Exec(ctx)
	return w.fail("write", *row, err)
}

// insert adds a row; taken is the answer when a unique column's value is.
func insert[R any](ctx context.Context, w *work, row *R, taken *bot.Error) error {
	res, err := w.written(ctx, row)
	if err != nil {
		return w.fail("write", *row, err)
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return w.fail("write", *row, err)
	}
	return taken
}

// raw runs a statement and returns how many rows it touched.
func (w *work) raw(ctx context.Context, what, query string, args ...any) (int64, error) {
	var res sql.Result
	var err error
	if stmt := w.kept(query); stmt != nil {
		res, err = w.db.StmtContext(ctx, stmt).ExecContext(ctx, bound(args)...)
	} else {
		res, err = w.db.NewRaw(query, args...).Exec(ctx)
	}
	if err != nil {
		return 0, w.fail(what, nil, err)
	}
	n, err := res.RowsAffected()
	return n, w.fail(what, nil, err)
}

// returning runs a statement that gives rows.
func returning[R any](ctx context.Context, w *work, what, query string, args ...any) ([]R, error) {
	var out []R
	stmt := w.kept(query)
	if stmt == nil {
		err := w.db.NewRaw(query, args...).Scan(ctx, &out)
		return out, w.fail(what, nil, err)
	}
	rows, err := w.db.StmtContext(ctx, stmt).QueryContext(ctx, bound(args)...)
	if err != nil {
		return nil, w.fail(what, nil, err)
	}
	err = w.s.write.ScanRows(ctx, rows, &out) // closes rows
	return out, w.fail(what, nil, errors.Join(err, rows.Close()))
}
