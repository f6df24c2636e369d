package store

import (
	"context"
	"database/sql"
	"reflect"
	"slices"
	"strings"

	"github.com/uptrace/bun/schema"
)

// prepared are the statements that every message and delivery runs, by their
// texts. They are kept on SQLite, whose parser takes longer over them than their
// running. It would still parse again for each value that might change the plan:
// ?+0 says that none does. On PostgreSQL there are none, its driver keeps its own.
type prepared struct {
	write, read map[string]*sql.Stmt
	inserts     map[reflect.Type]inserter
}

// inserter is the prepared INSERT of a table's rows.
type inserter struct {
	stmt   *sql.Stmt
	fields []*schema.Field
}

func hot() []string {
	all := []string{messageDone, messageWaits, nextEntry, nextPost, postByKey, postAwaited, postMarked, postShown}
	for _, c := range claims() {
		all = append(all, c.due, c.one())
	}
	return all
}

func claims() []claim {
	return []claim{messages{}.claim(), posts{}.claim(), inbox{}.claim(), operations{}.claim()}
}

// prepare fills s.prepared.
func (s *Store) prepare(ctx context.Context) error {
	if s.pg != nil {
		return nil
	}
	keep := func(db *sql.DB, query string) (*sql.Stmt, error) {
		stmt, err := db.PrepareContext(ctx, query)
		if err != nil {
			return nil, s.problem("prepare a statement", err)
		}
		s.keep(stmt)
		return stmt, nil
	}
	p := prepared{write: map[string]*sql.Stmt{}, read: map[string]*sql.Stmt{}, inserts: map[reflect.Type]inserter{}}
	var err error
	for _, query := range hot() {
		if p.write[query], err = keep(s.writer(), query); err != nil {
			return err
		}
	}
	if p.read[userOfAccount], err = keep(s.read.DB, userOfAccount); err != nil {
		return err
	}
	for _, row := range []any{messageRow{}, postRow{}, auditRow{}} {
		t := reflect.TypeOf(row)
		query, fields := insertion(s.write.Table(t))
		stmt, err := keep(s.writer(), query)
		if err != nil {
			return err
		}
		p.inserts[t] = inserter{stmt, fields}
	}
	s.prepared = p
	return nil
}

// insertion is the INSERT of a table, and the fields that are its arguments. A key
// that the database numbers is left out.
func insertion(t *schema.Table) (string, []*schema.Field) {
	fields := slices.DeleteFunc(slices.Clone(t.Fields), func(f *schema.Field) bool { return f.AutoIncrement })
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return "INSERT INTO " + t.Name + " (" + strings.Join(names, ", ") + ") VALUES (?" + strings.Repeat(", ?", len(names)-1) +
		") ON CONFLICT DO NOTHING", fields
}

// values are the arguments for a row, a pointer to a struct.
func (i inserter) values(row any) []any {
	out := make([]any, len(i.fields))
	for n, f := range i.fields {
		out[n] = f.Value(reflect.ValueOf(row).Elem()).Interface()
	}
	return bound(out)
}

// kept gives the prepared form of a statement, nil when there is none.
func (w *work) kept(query string) *sql.Stmt {
	if w.readOnly {
		return w.s.prepared.read[query]
	}
	return w.s.prepared.write[query]
}

// bound makes of arguments what the dialect makes of literals.
func bound(args []any) []any {
	out := slices.Clone(args)
	for i, a := range out {
		if text, ok := a.(string); ok {
			out[i] = withoutNUL(text)
		}
	}
	return out
}

// written inserts a row, a pointer to a struct, unless its key is taken.
func (w *work) written(ctx context.Context, row any) (sql.Result, error) {
	if i, ok := w.s.prepared.inserts[reflect.TypeOf(row).Elem()]; ok {
		return w.db.StmtContext(ctx, i.stmt).ExecContext(ctx, i.values(row)...)
	}
	return w.db.NewInsert().Model(row).On("CONFLICT DO NOTHING").Returning("NULL").Exec(ctx)
}
