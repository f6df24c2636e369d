package store

import (
	"context"

	"opsbot/bot"
)

type causes struct{ *work }

var _ bot.Causes = causes{}

// stuck selects waiting operations of which a step waits for a person's decision.
const stuck = `EXISTS (SELECT 1 FROM steps AS s WHERE s.operation_id = o.id AND s.state IN ('failed', 'unknown'))`

// openSQL adds up the partial indexes of unfinished rows: it costs the same
// however much has finished. A planned deployment waits for its plan's
// confirmation, that is for a person.
const openSQL = `SELECT
	(SELECT count(*) FROM messages WHERE root = ? AND done = FALSE) +
	(SELECT count(*) FROM inbox WHERE root = ? AND state = 'new') +
	(SELECT count(*) FROM operations AS o WHERE root = ? AND ` + openStates + ` AND NOT (o.state = 'waiting' AND ` + stuck + `)) +
	(SELECT count(*) FROM builds WHERE root = ? AND state <> 'finished') +
	(SELECT count(*) FROM deployments WHERE root = ? AND ` + underWay + ` AND state <> 'planned') +
	(SELECT count(*) FROM post_roots WHERE root = ?)`

const failedSQL = `SELECT
	(SELECT count(*) FROM operations WHERE root = ? AND state = 'failed') +
	(SELECT count(*) FROM operations AS o WHERE root = ? AND ` + openStates + ` AND o.state = 'waiting' AND ` + stuck + `) +
	(SELECT count(*) FROM builds WHERE root = ? AND state = 'finished' AND result <> 'SUCCESS') +
	(SELECT count(*) FROM deployments WHERE root = ? AND state IN ('failed', 'rolled_back', 'unknown')) +
	(SELECT count(*) FROM audit WHERE root = ? AND (decision IN ('refused', 'invalid') OR outcome LIKE 'failed%'))`

// Open implements bot.Causes.
func (r causes) Open(ctx context.Context, root string) (int, error) {
	return r.count(ctx, "count what is open", openSQL, root, 6)
}

// Failed implements bot.Causes.
func (r causes) Failed(ctx context.Context, root string) (int, error) {
	return r.count(ctx, "count what failed", failedSQL, root, 5)
}

// count runs a query whose n parameters are all the root.
func (r causes) count(ctx context.Context, what, query, root string, n int) (int, error) {
	if root == "" {
		return 0, nil
	}
	args := make([]any, n)
	for i := range args {
		args[i] = root
	}
	var count int
	err := r.db.NewRaw(query, args...).Scan(ctx, &count)
	return count, r.fail(what, nil, err)
}
