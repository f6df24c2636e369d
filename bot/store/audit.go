package store

import (
	"context"

	"github.com/uptrace/bun"

	"opsbot/bot"
)

type auditRow struct {
	bun.BaseModel `bun:"table:audit"`
	Seq           int64            `bun:"seq,pk,autoincrement"`
	ID            string           `bun:"id"`
	At            micros           `bun:"at"`
	UserID        string           `bun:"user_id"`
	UserName      string           `bun:"user_name"`
	Account       doc[bot.Account] `bun:"account"`
	AsOwner       bool             `bun:"as_owner"`
	Verb          string           `bun:"verb"`
	Args          string           `bun:"args"`
	ProjectID     string           `bun:"project_id"`
	Environment   string           `bun:"environment"`
	Decision      string           `bun:"decision"`
	Policies      doc[[]string]    `bun:"policies"`
	PlanHash      string           `bun:"plan_hash"`
	Outcome       string           `bun:"outcome"`
	cause
}

func (r auditRow) noun() bot.AuditRow {
	return bot.AuditRow{
		ID: r.ID, At: r.At.time(), UserID: r.UserID, UserName: r.UserName, Account: r.Account.V,
		AsOwner: r.AsOwner, Verb: r.Verb, Args: r.Args, ProjectID: r.ProjectID, Environment: r.Environment,
		Decision: r.Decision, Policies: r.Policies.V, PlanHash: r.PlanHash, Outcome: r.Outcome, Cause: r.cause.noun(),
	}
}

// audits is the append-only table: triggers refuse changes in both dialects.
type audits struct{ *work }

var _ bot.Audit = audits{}

// Append implements bot.Audit; ID and At are filled in when empty.
func (r audits) Append(ctx context.Context, a bot.AuditRow) error {
	if a.At.IsZero() {
		a.At = r.s.clock.Now()
	}
	if a.ID == "" {
		a.ID = bot.NewID(a.At)
	}
	row := auditRow{
		ID: a.ID, At: us(a.At), UserID: a.UserID, UserName: a.UserName, Account: docOf(a.Account),
		AsOwner: a.AsOwner, Verb: a.Verb, Args: a.Args, ProjectID: a.ProjectID, Environment: a.Environment,
		Decision: a.Decision, Policies: docOf(a.Policies), PlanHash: a.PlanHash, Outcome: a.Outcome, cause: causeOf(a.Cause),
	}
	return insert(ctx, r.work, &row, taken("an audit row", a.ID))
}

// Find implements bot.Audit.
func (r audits) Find(ctx context.Context, f bot.AuditFilter) ([]bot.AuditRow, error) {
	scopes := []scope{order("seq DESC"), limit(orDefault(f.Limit))}
	if f.ProjectID != "" {
		scopes = append(scopes, where("project_id = ?", f.ProjectID))
	}
	if f.UserID != "" {
		scopes = append(scopes, where("user_id = ?", f.UserID))
	}
	if f.Root != "" {
		scopes = append(scopes, where("root = ?", f.Root))
	}
	return list(ctx, r.work, auditRow.noun, scopes...)
}
