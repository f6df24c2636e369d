package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"opsbot/bot"
	"opsbot/bot/config"
	"opsbot/bot/policy"
	"opsbot/bot/router"
	"opsbot/bot/store"
	"opsbot/commands"
)

func (p *program) policyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "policy", Short: "Ask the policy, and learn why"}
	specs := specsOf(commands.All(&bot.Services{}))
	explain := &cobra.Command{
		Use: "explain USER VERB [ARGS]", Short: "Say whether somebody may do something, and which policy decides",
		Long: "VERB and its arguments are typed as in the chat. USER is an account of the built-in chat, or\n" +
			"INTEGRATION:ID of another one; \"owner\" is the owner of the data folder. Two more things can be asked:\n" +
			"`approve VERB ...` (agree to somebody else's plan) and `push NAME` (with git).\n\n" +
			"It goes by the policy file and the groups of the configuration, as they are now, and by what the data\n" +
			"folder says of the project: its team and its owner.",
		Example: "  opsbot policy explain alice deploy hello-world to production\n  opsbot policy explain slack:T1/U2 approve deploy hello-world to production",
		Args:    exactly(2, -1),
	}
	explain.RunE = func(cmd *cobra.Command, args []string) error {
		return p.explainPolicy(cmd.Context(), specs, args[0], lineOf(cmd, specs, args[1:]))
	}
	// The options of the verbs: cobra must know them to leave them to us.
	for _, s := range specs {
		for _, f := range s.Flags {
			switch {
			case explain.Flags().Lookup(f.Name) != nil:
			case f.Value == "":
				explain.Flags().Bool(f.Name, false, f.Help)
			default:
				explain.Flags().String(f.Name, "", f.Help)
			}
			_ = explain.Flags().MarkHidden(f.Name) // it is there
		}
	}
	cmd.AddCommand(explain)
	return cmd
}

// lineOf puts the command line together again, options right behind the verb.
func lineOf(cmd *cobra.Command, specs []bot.Spec, args []string) string {
	words := make([]string, 0, len(args)+2)
	for _, a := range args {
		if len(args) > 1 && strings.ContainsAny(a, " \t\n\"'\\") {
			a = bot.Quote(a)
		}
		words = append(words, a)
	}
	var options []string
	seen := map[string]bool{}
	for _, s := range specs {
		for _, f := range s.Flags {
			if seen[f.Name] || !cmd.Flags().Changed(f.Name) {
				continue
			}
			seen[f.Name] = true
			option := "--" + f.Name
			if value, err := cmd.Flags().GetString(f.Name); err == nil {
				option += "=" + bot.Quote(value)
			}
			options = append(options, option)
		}
	}
	at := 1
	if strings.EqualFold(words[0], "approve") && len(words) > 1 {
		at = 2
	}
	return strings.Join(append(append(words[:at:at], options...), words[at:]...), " ")
}

// consoleUser is a person as the policy sees them; a bare name is an account of the
// built-in chat.
func consoleUser(account string) bot.User {
	instance, id, ok := strings.Cut(account, ":")
	if !ok {
		instance, id = "console", account
	}
	a := bot.Account{Instance: instance, ID: id, Name: id}
	if workspace, id, ok := strings.Cut(id, "/"); ok {
		a.Workspace, a.ID, a.Name = workspace, id, id
	}
	return bot.User{ID: a.ID, Name: a.Name, Account: a, Owner: a.Instance == "console" && a.ID == router.OwnerAccount}
}

// explainPolicy prints the decision, the policies that made it, and what they were
// asked.
func (p *program) explainPolicy(ctx context.Context, specs []bot.Spec, account, line string) error {
	cfg, dir, err := p.load()
	if err != nil {
		return err
	}
	pol, err := policy.Load(cfg.Policy, specs, cfg.Groups)
	if err != nil {
		return err
	}
	asked, special := line, ""
	if first, rest, _ := strings.Cut(line, " "); strings.EqualFold(first, "approve") {
		asked, special = rest, "approve"
	} else if strings.EqualFold(first, "push") {
		asked, special = "project "+rest, "push"
	}
	q, err := p.question(ctx, cfg, dir, account, asked)
	if bot.CodeOf(err) == bot.CodeInvalid {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	a := q.Access
	a.User = consoleUser(account)
	a.User.Groups = pol.GroupsOf(a.User)
	if special != "" {
		a.Verb = special
	}
	allowed, err := p.answerQuestion(ctx, pol, specs, a, account+" "+line)
	if err != nil {
		return err
	}
	if q.Unknown != "" {
		fmt.Fprintf(p.s.out, "note      there is no project %s here, so its team and owner are empty\n", q.Unknown)
	}
	if _, err := bot.FindEnvironment(cfg.BotEnvironments(), a.Environment); err != nil && a.Environment != "" {
		fmt.Fprintf(p.s.out, "note      %s\n", bot.MessageOf(err))
	}
	if q.Yes && allowed {
		a.Verb = "yes"
		fmt.Fprintln(p.s.out)
		if allowed, err = p.answerQuestion(ctx, pol, specs, a, account+" --yes: leave out the confirmation of it"); err != nil {
			return err
		}
	}
	if !allowed {
		return errFailed
	}
	return nil
}

// answerQuestion prints the answer to one question.
func (p *program) answerQuestion(ctx context.Context, pol *policy.Policy, specs []bot.Spec, a bot.Access, title string) (allowed bool, err error) {
	d, err := pol.Authorize(ctx, a)
	if err != nil {
		return false, err
	}
	verdict := "refused"
	if d.Allowed {
		verdict = "allowed"
	}
	fmt.Fprintf(p.s.out, "%s: %s. %s\n", verdict, title, d.Reason)
	fmt.Fprintf(p.s.out, "asked     %s\n", facts(specs, a))
	for _, id := range d.Policies {
		c := pol.Clause(id)
		word := "permits"
		if c.Forbids {
			word = "forbids"
		}
		fmt.Fprintf(p.s.out, "%s   %s, at %s:\n", word, c.ID, c.Position)
		for line := range strings.SplitSeq(c.Text, "\n") {
			fmt.Fprintf(p.s.out, "          %s\n", line)
		}
	}
	if d.Allowed {
		return true, nil
	}
	if len(d.Policies) == 0 {
		fmt.Fprintln(p.s.out, "why       nothing permits it, and what nothing permits is refused")
	}
	groups, err := pol.AllowedTo(ctx, a)
	if err == nil && len(groups) > 0 {
		fmt.Fprintf(p.s.out, "may       members of: %s\n", strings.Join(groups, ", "))
	}
	return false, err
}

// facts is what the policy was told, by the names that a policy uses.
func facts(specs []bot.Spec, a bot.Access) string {
	action := "action " + a.Verb
	for _, s := range specs {
		if s.Verb == a.Verb {
			action += fmt.Sprintf(" (in Action::%q)", s.Role)
		}
	}
	parts := []string{action}
	for _, f := range [][2]string{
		{"project", a.Project},
		{"environment", a.Environment},
		{"team", a.Team},
		{"owner", a.OwnerName},
		{"blueprint", a.Blueprint},
		{"groups", strings.Join(a.User.Groups, " ")},
	} {
		if f[1] != "" {
			parts = append(parts, f[0]+" "+f[1])
		}
	}
	return strings.Join(parts, ", ")
}

// nothingStored is the unit of work of a data folder that is not there.
type nothingStored struct{ bot.UnitOfWork }

func (nothingStored) Read(context.Context, func(context.Context, *bot.Tx) error) error {
	return bot.Errorf(bot.CodeNotFound, "There is no data folder yet.")
}

// answeredQuestion is what the running server makes of a command line.
type answeredQuestion struct {
	Question router.Question
	Problem  string // what is wrong with the line; "" if nothing is
}

// question answers the socket.
func (a *app) question(ctx context.Context, in localRequest) (any, error) {
	q, err := a.router.Question(ctx, consoleUser(in.As), a.services.Defaults.Room, in.Text)
	if bot.CodeOf(err) == bot.CodeInvalid {
		return answeredQuestion{Problem: bot.MessageOf(err)}, nil
	}
	return answeredQuestion{Question: q}, err
}

// question reads the command line by what the running server knows, else by what
// the data folder holds.
func (p *program) question(ctx context.Context, cfg *config.Config, dir, account, line string) (router.Question, error) {
	if running(ctx, socketPath(dir)) {
		var out answeredQuestion
		err := call(ctx, socketClient(socketPath(dir)), "/policy/question", localRequest{As: account, Text: line}, &out)
		if out.Problem != "" {
			err = bot.Errorf(bot.CodeInvalid, "%s", out.Problem)
		}
		return out.Question, err
	}
	if _, err := os.Stat(filepath.Join(dir, "format")); errors.Is(err, fs.ErrNotExist) {
		return ask(ctx, cfg, nothingStored{}, account, line)
	}
	address, err := storeURL(ctx, cfg)
	if err != nil {
		return router.Question{}, err
	}
	db, err := store.Open(ctx, store.Options{URL: address, DataDir: dir})
	if err != nil {
		return router.Question{}, err
	}
	q, err := ask(ctx, cfg, db, account, line)
	return q, errors.Join(err, db.Close())
}

// ask reads the command line without a server.
func ask(ctx context.Context, cfg *config.Config, work bot.UnitOfWork, account, line string) (router.Question, error) {
	defaults := defaultsOf(cfg)
	r, err := router.New(router.Options{
		Clock: bot.SystemClock{}, Work: work,
		Commands: commands.All(&bot.Services{Work: work, Defaults: defaults, Environments: cfg.BotEnvironments()}),
	})
	if err != nil {
		return router.Question{}, err
	}
	return r.Question(ctx, consoleUser(account), defaults.Room, line)
}
