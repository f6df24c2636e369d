// Package log is the command log: the log of a build, or of what runs in an
// environment.
package log

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"opsbot/bot"
)

// Command is log.
type Command struct{ s *bot.Services }

var _ bot.Command = (*Command)(nil)

// New makes the command.
func New(s *bot.Services) *Command { return &Command{s} }

// Spec describes the command.
func (c *Command) Spec() bot.Spec {
	return bot.Spec{
		Verb: "log", Aliases: []string{"logs"}, Role: bot.RoleViewer, Summary: "the log of a build, or of what runs in an environment",
		Help: "The end is shown, the whole is attached as a file.",
		Params: []bot.Param{
			{Name: "name", Type: bot.ParamProject, Help: "the project", Example: "hello-world"},
			{Name: "branch", Type: bot.ParamBranch, Optional: true, Help: "the branch; without it the default one", Example: "main"},
			{Name: "number", Type: bot.ParamNumber, Optional: true, Help: "the build; without it the newest", Example: "#3"},
			{Name: "env", Type: bot.ParamEnvironment, Keyword: "in", Optional: true, Help: "instead: the log of the running app", Example: "staging"},
		},
	}
}

// Bounds of what is shown and attached.
const (
	maxLog   = 8 << 20
	maxLines = 25
	maxShown = 2500
)

// Run reads the log and attaches it.
func (c *Command) Run(ctx context.Context, req *bot.Request) (*bot.Outcome, error) {
	what, instance, ref, err := c.which(ctx, req)
	if err != nil {
		return nil, err
	}
	reader, err := bot.Find[bot.LogReader](c.s.Integrations, instance, "logs")
	if err != nil {
		return nil, err
	}
	text, err := read(ctx, reader, ref)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return &bot.Outcome{Reply: &bot.Post{Text: []bot.Text{"The log of " + what + " is empty."}}}, nil
	}
	digest, size, err := c.s.Blobs.Put(ctx, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	shown, lines := tail(string(text))
	post := &bot.Post{
		Title: "Log of " + what, Code: shown,
		File: &bot.File{Name: fileName(req), Type: "text/plain; charset=utf-8", Blob: digest, Bytes: size},
	}
	if lines > maxLines {
		post.Text = append(post.Text, bot.Text(fmt.Sprintf("The last lines of %d; the whole is in the file.", lines)))
	}
	return &bot.Outcome{Reply: post}, nil
}

// which finds the log that is meant.
func (c *Command) which(ctx context.Context, req *bot.Request) (what bot.Text, instance string, ref bot.LogRef, err error) {
	p := req.Project
	if name := req.Value("env"); name != "" {
		env, err := c.s.Environment(name)
		if err != nil {
			return "", "", ref, err
		}
		return bot.Escape(p.Slug + " in " + env.Name), env.Deployer, bot.LogRef{ProjectID: p.ID, Environment: env.Name}, nil
	}
	branch := req.Value("branch")
	if branch == "" {
		branch = p.DefaultBranch
	}
	number, _ := strconv.Atoi(req.Value("number"))
	var list []bot.Build
	err = c.s.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) (err error) {
		list, err = tx.Builds.Recent(ctx, p.ID, branch, 500)
		return err
	})
	if err != nil {
		return "", "", ref, err
	}
	for _, b := range list {
		if number == 0 || b.Ref.Number == number {
			return bot.Escape(fmt.Sprintf("build #%d of %s/%s", b.Ref.Number, p.Slug, branch)), b.Instance, bot.LogRef{Build: b.Ref, ProjectID: p.ID}, nil
		}
	}
	return "", "", ref, c.s.NoBuild(ctx, *p, branch, number)
}

func read(ctx context.Context, r bot.LogReader, ref bot.LogRef) ([]byte, error) {
	rc, err := r.ReadLog(ctx, ref, 0)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	text, err := io.ReadAll(io.LimitReader(rc, maxLog))
	if err != nil {
		return nil, bot.Errorf(bot.CodeUnavailable, "The log can't be read now; try again.").Because(err)
	}
	return text, nil
}

// tail gives the last lines that fit into a message, and how many there are.
func tail(text string) (shown string, lines int) {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	out := strings.Join(all[max(len(all)-maxLines, 0):], "\n")
	if len(out) > maxShown {
		out = out[len(out)-maxShown:]
		for len(out) > 0 && !utf8.RuneStart(out[0]) {
			out = out[1:]
		}
		out = "…" + out
	}
	return strings.ToValidUTF8(out, "�"), len(all)
}

func fileName(req *bot.Request) string {
	name := req.Project.Slug
	if env := req.Value("env"); env != "" {
		return name + "-" + env + ".log"
	}
	if n := req.Value("number"); n != "" {
		return name + "-" + n + ".log"
	}
	return name + ".log"
}
