package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"opsbot/bot"
	"opsbot/commands/secret"
)

// secretRequest is the body of POST /secret: what `secret set` asks for by a form.
type secretRequest struct {
	Name     string `json:"name"`
	Key      string `json:"key"`
	Env      string `json:"env,omitempty"`
	Kind     string `json:"kind"`
	User     string `json:"user,omitempty"`
	FileName string `json:"file_name,omitempty"`
	Value    []byte `json:"value"`
	As       string `json:"as,omitempty"`
}

// line is the command that the request stands for.
func (in secretRequest) line() string {
	line := strings.Join([]string{"secret set", bot.Quote(in.Name), bot.Quote(in.Key)}, " ")
	if in.Env != "" {
		line += " in " + bot.Quote(in.Env)
	}
	return line + " --kind " + bot.Quote(in.Kind)
}

func (in secretRequest) form() map[string]string {
	return map[string]string{
		"user": in.User, "file_name": in.FileName, "value": base64.StdEncoding.EncodeToString(in.Value), secret.FieldEncoded: "base64",
	}
}

// setSecret runs `secret set` as its form would, so that policy, audit and answer are the
// same. It gives the message that the form is.
func (a *app) setSecret(ctx context.Context, in secretRequest) (any, error) {
	c := a.console()
	if c == nil {
		return nil, bot.Errorf(bot.CodeUnsupported, "The configuration has no console, so there is no room that this could be said in.")
	}
	account, err := c.Speaker(in.As, ownerName())
	if err != nil {
		return nil, err
	}
	m := bot.Message{
		ID: "secret:" + bot.NewToken(), Room: c.Room(c.Rooms()[0]), Author: account, Owner: true, Addressed: true, Loose: true,
		Text: in.line(), SentAt: a.clock.Now(),
	}
	form, err := a.router.Form(ctx, m)
	if err != nil {
		return nil, err
	}
	if form == nil {
		return nil, bot.Errorf(bot.CodeInvalid, "That is no secret that can be set; a key begins with a letter and has letters, digits, dots, dashes and underscores.")
	}
	m.Text, m.Action, m.Form = "", form.ID, in.form()
	problems, err := a.router.Check(ctx, m)
	if err != nil {
		return nil, err
	}
	if len(problems) > 0 {
		first := slices.Sorted(maps.Keys(problems))[0]
		return nil, bot.Errorf(bot.CodeInvalid, "%s", problems[first])
	}
	if _, err := a.router.Receive(ctx, m); err != nil {
		return nil, err
	}
	return localAnswer{Text: m.Room.Instance, Note: m.ID}, nil
}

// serveSecret answers the socket. Its body is no localRequest: it is larger, and never
// in a log.
func (a *app) serveSecret(w http.ResponseWriter, r *http.Request) {
	var in secretRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4*bot.MaxSecret)).Decode(&in); err != nil {
		http.Error(w, "the body is no JSON of the expected form, or too large", http.StatusBadRequest)
		return
	}
	out, err := a.setSecret(r.Context(), in)
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusConflict)
		out = localAnswer{Error: bot.MessageOf(err)}
	}
	_ = json.NewEncoder(w).Encode(out) // a caller that is gone is no fault
}

func (p *program) secretCommand() *cobra.Command {
	in := secretRequest{}
	var file string
	set := &cobra.Command{
		Use:   "set [flags] NAME KEY",
		Short: "Set a project's secret, with the value from a file or standard input",
		Long: "The value is never an argument: others see those, and the shell keeps them. One newline at the end of\n" +
			"a text or a password is left out; a file is kept as it is.",
		Args: exactly(2, 2),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			in.Name, in.Key = args[0], args[1]
			if in.Value, err = p.secretValue(file); err != nil {
				return err
			}
			if in.Kind != string(bot.SecretFile) {
				in.Value = bytes.TrimSuffix(bytes.TrimSuffix(in.Value, []byte("\n")), []byte("\r"))
			}
			return p.withServer(cmd.Context(), func(ctx context.Context, c *http.Client) error { return p.sendSecret(ctx, c, in) })
		},
	}
	set.Flags().StringVar(&in.Env, "env", "", "only for what runs in this environment; default: builds and every environment")
	set.Flags().StringVar(&in.Kind, "kind", string(bot.SecretText), "text, file, or login")
	set.Flags().StringVar(&in.User, "user", "", "the user of a login")
	set.Flags().StringVar(&in.FileName, "name", "", "what a file is called where it is used; default: KEY")
	set.Flags().StringVar(&file, "file", "-", "where the value is; - is standard input")
	set.Flags().StringVar(&in.As, "as", "", "as this console user (audited as done by the owner)")
	cmd := &cobra.Command{Use: "secret", Short: "Projects' secrets; `opsbot say secrets NAME` lists them"}
	cmd.AddCommand(set)
	return cmd
}

// secretValue reads the value, and a byte more than there may be.
func (p *program) secretValue(file string) ([]byte, error) {
	from := p.s.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("secret: %w", err)
		}
		defer f.Close()
		from = f
	}
	value, err := io.ReadAll(io.LimitReader(from, bot.MaxSecret+1))
	if err != nil {
		return nil, fmt.Errorf("secret: read the value: %w", err)
	}
	return value, nil
}

// sendSecret hands the secret over and waits until it was set.
func (p *program) sendSecret(ctx context.Context, c *http.Client, in secretRequest) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("secret: %w", err)
	}
	var said localAnswer
	if err := send(ctx, c, "/secret", body, &said); err != nil {
		return err
	}
	err = waitFor(ctx, c, localRequest{Name: said.Text, ID: said.Note})
	if errors.Is(err, errFailed) {
		return errors.New("the secret was not set; `opsbot say audit` says why")
	}
	if err == nil {
		fmt.Fprintf(p.s.out, "%s is set. An app that runs sees it after a restart.\n", in.Key)
	}
	return err
}
