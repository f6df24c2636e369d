package store

import (
	"context"
	"fmt"
	"strings"

	"opsbot/bot"
)

// Reclaim frees what an earlier process of this node had claimed and did not
// finish, so that nobody waits for its leases to end. The caller holds the data
// folder's lock: that process is gone. Operations need none of this: their claim
// knows the node.
func (s *Store) Reclaim(ctx context.Context) error {
	node, _, _ := strings.Cut(s.owner, ":")
	node += ":"
	err := s.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		w := tx.Messages.(messages).work
		for _, q := range []struct{ table, open string }{
			{"messages", "done = FALSE"}, {"inbox", "state = 'new'"}, {"posts", "wanted > delivered"},
		} {
			query := "UPDATE " + q.table + " SET lease_owner = '', lease_until = 0 WHERE " + q.open +
				" AND lease_owner <> ? AND substr(lease_owner, 1, ?) = ?"
			if _, err := w.raw(ctx, "free claims of "+q.table, query, s.owner, len([]rune(node)), node); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: free an earlier process's claims: %w", err)
	}
	return nil
}
