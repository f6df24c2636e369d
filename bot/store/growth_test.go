package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"opsbot/bot"
	"opsbot/bot/store"
	"opsbot/bot/store/storetest"
)

// past fills the tables with n rows each of what is over and done with.
func past(t testing.TB, s *store.Store, n int) {
	t.Helper()
	rows := fmt.Sprintf("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < %d) SELECT ", n)
	for into, values := range map[string]string{
		`inbox (id, instance, delivery_key, delivery, body, event, scope_project, state, attempts, error, received_at,
			not_before, lease_owner, lease_until, cause, root)`: `'i' || i, 'g', 'k' || i, '{}', NULL, 'null', '', 'done', 1, '', i, 0, '', 0, '', 'r' || i`,
		`messages (instance, message_id, workspace, room_id, thread, body, root, added_at, lease_owner, lease_until, done)`: `'console', 'm' || i, 'w', 'r', 't' || i, '{}', 'r' || i, i, '', 0, TRUE`,
		`posts (instance, workspace, room_id, post_key, seq, content, card_kind, card_id, wanted, delivered, message_id,
			thread, shown, attempts, not_before, lease_owner, lease_until, cause, root)`: `'console', 'w', 'r', 'k' || i, i, 'null',
			'change', 'c' || i, 3, 3, 'm' || i, '', 'x', 0, 0, '', 0, '', 'r' || i`,
		`operations (id, kind, project_id, subject, environment, input, state, error, requester, message, lease_owner,
			lease_until, epoch, wake_at, created_at, finished_at, cause, root)`: `'o' || i, 'deploy', 'p' || (i % 100), 's', 'e', '', 'succeeded',
			'', '{}', '{}', '', 0, 1, 0, i, i, '', 'r' || i`,
		`builds (id, project_id, instance, job, branch, number, queue, attempt, state, result, commit_sha, stages, tests, artifacts,
			message, queued_at, started_at, finished_at, url, log_url, parameters, requested_by, cause, root, sequence)`: `'b' || i, 'p' || (i % 100), 'ci', 'j' || (i % 100), 'main', i, '', 1, 'finished', 'SUCCESS', 'c' || i, '[]', 'null', '[]',
			'', i, i, i, '', '', '{}', '', '', 'r' || i, 1`,
		`changes (id, project_id, branch, commit_sha, title, author, created_at, cause, root)`: `'c' || i, 'p' || (i % 100), 'main', 'c' || i,
			'title', 'author', i, '', 'r' || i`,
		`deployments (id, project_id, environment, verb, version_id, previous_id, state, external_id, url, message, requested_by,
			operation_id, started_at, finished_at, cause, root)`: `'d' || i, 'p' || (i % 100), 'e', 'deploy', 'v' || i, '', 'succeeded', '', '', '',
			'', 'o' || i, i, i, '', 'r' || i`,
		`audit (id, at, user_id, user_name, account, as_owner, verb, args, project_id, environment, decision, policies,
			plan_hash, outcome, cause, root)`: `'a' || i, i, 'u', 'alice', '{}', FALSE, 'deploy', '', 'p' || (i % 100), 'e', 'allowed', '[]',
			'', 'done', '', 'r' || i`,
		`steps (operation_id, name, position, title, state, attempt, output, detail, url, error, made, not_before, started_at, finished_at)`: `'o' || i, 'a', 1, 'A', 'done', 1, '{}', '', '', '', TRUE, 0, i, i`,
	} {
		if strings.HasPrefix(into, "steps") {
			defer func() { // after the operations that they refer to
				if err := s.Exec(t, "INSERT INTO "+into+" "+rows+values+" FROM c"); err != nil {
					t.Fatal(err)
				}
			}()
			continue
		}
		if err := s.Exec(t, "INSERT INTO "+into+" "+rows+values+" FROM c"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHotQueriesUseIndexes reads the plans: a claim that walks a whole table gets
// slower with every event that was ever stored.
func TestHotQueriesUseIndexes(t *testing.T) {
	t.Parallel()
	for name, open := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			past(t, s, 3000)
			if err := s.Exec(t, "ANALYZE"); err != nil {
				t.Fatal(err)
			}
			for what, query := range s.HotQueries() {
				explain, bad := "EXPLAIN QUERY PLAN ", fullLite
				if name == "postgres" {
					explain, bad = "EXPLAIN ", fullPG
				}
				var plan []string
				for _, row := range s.Texts(t, explain+query) {
					plan = append(plan, row[len(row)-1])
				}
				for _, line := range plan {
					if bad(line) {
						t.Errorf("%s walks a whole table (%s):\n%s", what, strings.TrimSpace(line), strings.Join(plan, "\n"))
					}
				}
			}
		})
	}
}

// fullLite finds a scan without an index; "due" is the handful of rows claimed.
func fullLite(line string) bool {
	return strings.HasPrefix(line, "SCAN ") && !strings.Contains(line, "USING") && !strings.Contains(line, "CONSTANT ROW") &&
		line != "SCAN due"
}

// fullPG finds sequential scans. post_rooms has a row per room, post_roots one for
// each post that waits to be shown: they stay small.
func fullPG(line string) bool {
	return strings.Contains(line, "Seq Scan on ") && !strings.Contains(line, "Seq Scan on post_ro")
}

// event is what one webhook costs the store: it is stored, claimed, becomes a
// change and a build report and a touched card, which is shown.
func event(ctx context.Context, s *store.Store, id string, now time.Time) error {
	row := bot.InboxRow{Instance: "g", Key: id, Delivery: &bot.Delivery{Body: []byte(strings.Repeat("x", 7700))}}
	if _, err := s.Accept(ctx, row); err != nil {
		return err
	}
	room := bot.RoomRef{Instance: "console", Workspace: "w", ID: "r"}
	err := s.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		rows, err := tx.Inbox.Claim(ctx, "w", now, time.Minute, 10)
		if err != nil || len(rows) != 1 {
			return fmt.Errorf("claimed %d: %w", len(rows), err)
		}
		c, err := tx.Changes.Ensure(ctx, bot.Change{ProjectID: "p1", Branch: "main", Commit: id, Cause: rows[0].Cause})
		if err != nil {
			return err
		}
		_, err = tx.Builds.Put(ctx, bot.Build{
			ProjectID: "p1", Instance: "ci", Commit: id, State: bot.BuildFinished,
			Ref: bot.BuildRef{Job: "j-" + id, Branch: "main", Number: 1}, Cause: rows[0].Cause,
		})
		if err != nil {
			return err
		}
		if err := tx.Posts.Touch(ctx, room, "change-"+id, "change", c.ID, rows[0].Cause); err != nil {
			return err
		}
		return tx.Inbox.Done(ctx, rows[0].ID, "done", "")
	})
	if err != nil {
		return err
	}
	return s.Write(ctx, func(ctx context.Context, tx *bot.Tx) error {
		due, err := tx.Posts.Claim(ctx, bot.PostClaim{Owner: "w", Now: now, Lease: time.Minute, Limit: 10})
		if err != nil || len(due) != 1 {
			return fmt.Errorf("claimed %d posts: %w", len(due), err)
		}
		due[0].Delivered = due[0].Wanted
		if err := tx.Posts.Delivered(ctx, due[0]); err != nil {
			return err
		}
		open, err := tx.Causes.Open(ctx, due[0].Root)
		if err == nil && open != 0 {
			err = fmt.Errorf("%d open", open)
		}
		return err
	})
}

func must(t testing.TB, s *store.Store, statement string) {
	t.Helper()
	if err := s.Exec(t, statement); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkGrowth compares the cost of an event at a million stored ones with that
// at a thousand. Both stores are filled first, then they take turns, because what
// else the machine does weighs more than the difference; the ratio of the medians
// is the result. With -short it leaves the disk out, which would hide a difference.
func BenchmarkGrowth(b *testing.B) {
	stores := map[int]*store.Store{}
	for _, n := range []int{1_000, 1_000_000} {
		s := storetest.Open(b, func(o *store.Options) { o.NoSync = testing.Short() })
		cache := s.Texts(b, "PRAGMA cache_size")[0][0]
		must(b, s, "PRAGMA cache_size = -600000") // for filling it in this century
		past(b, s, n)
		must(b, s, "PRAGMA wal_checkpoint(TRUNCATE)")
		must(b, s, "PRAGMA cache_size = "+cache)
		must(b, s, "PRAGMA shrink_memory")
		stores[n] = s
	}
	took := map[int][]time.Duration{}
	i := 0
	for b.Loop() {
		i++
		for n, s := range stores {
			start := time.Now()
			if err := event(b.Context(), s, fmt.Sprint("event-", i), start.Add(time.Second)); err != nil {
				b.Fatal(err)
			}
			took[n] = append(took[n], time.Since(start))
		}
	}
	median := func(n int) float64 {
		slices.Sort(took[n])
		return float64(took[n][len(took[n])/2].Microseconds())
	}
	b.ReportMetric(median(1_000), "µs-at-1000")
	b.ReportMetric(median(1_000_000), "µs-at-1000000")
	b.ReportMetric(median(1_000_000)/median(1_000), "ratio")
}
