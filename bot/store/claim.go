package store

import (
	"context"
	"slices"
)

// claim is how the due rows of a table are leased.
type claim struct {
	table string
	key   string // orders and names the rows
	due   string // selects the keys of what is due
	lock  string // whose rows PostgreSQL locks: a table or its alias in due
	set   string // what leasing changes
}

// whole is the claim in one statement: several replicas claim side by side.
func (c claim) whole() string {
	return "WITH due AS MATERIALIZED (" + c.due + " FOR UPDATE OF " + c.lock + " SKIP LOCKED) UPDATE " + c.table + " SET " + c.set +
		" WHERE " + c.key + " IN (SELECT " + c.key + " FROM due) RETURNING *"
}

// one leases a single row.
func (c claim) one() string {
	return "UPDATE " + c.table + " SET " + c.set + " WHERE " + c.key + " = ? RETURNING *"
}

// leased runs a claim and gives its rows, in no order; due and set are the
// arguments of these parts. SQLite has one writer, so nobody comes between a look
// and the lease: with one statement it would make a table of the keys each time,
// which takes longer than all the rest.
func leased[R any](ctx context.Context, w *work, c claim, due, set []any) ([]R, error) {
	if w.s.pg != nil {
		return returning[R](ctx, w, "claim "+c.table, c.whole(), append(slices.Clone(due), set...)...)
	}
	keys, err := returning[int64](ctx, w, "look for "+c.table, c.due, due...)
	if err != nil {
		return nil, err
	}
	var out []R
	for _, key := range keys {
		rows, err := returning[R](ctx, w, "claim "+c.table, c.one(), append(slices.Clone(set), key)...)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	return out, nil
}
