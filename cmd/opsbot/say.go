package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/user"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"opsbot/bot"
	"opsbot/integrations/console"
)

// ownerName is how the person at this terminal is called.
func ownerName() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "owner"
}

func (p *program) sayCommand() *cobra.Command {
	t := &talk{shown: map[string][]string{}, out: p.s.out, base: "http://opsbot"}
	var server string
	cmd := &cobra.Command{
		Use:   "say [flags] TEXT [TEXT ...]",
		Short: "Say something to OpsBot and wait for what comes of it",
		Long: "Uses the server that runs on the data folder, else runs one in process and stops it at the end.\n" +
			"Prints every message and edit of the room, waits until nothing under the text is open, and exits\n" +
			"with 0 if all ended well, 1 if something failed, 2 on wrong usage. Several texts are said one after\n" +
			"the other; `confirm` and `cancel` answer in the thread of the plan before them.\n\n" +
			"With --server it talks to the page of another machine, as whoever the token in the environment\n" +
			"variable " + tokenVariable + " was made for: `opsbot token new --for say NAME` on that machine makes one.",
		Args: exactly(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if server != "" && t.as != "" {
				return usageError{errors.New("--as works over the socket of the data folder only, not with --server")}
			}
			if server != "" {
				if err := p.remote(t, server); err != nil {
					return err
				}
				return t.all(cmd.Context(), args)
			}
			return p.withServer(cmd.Context(), func(ctx context.Context, c *http.Client) error {
				t.client = c
				return t.all(ctx, args)
			})
		},
	}
	cmd.Flags().StringVar(&t.as, "as", "", "speak as this console user (audited as said by the owner)")
	cmd.Flags().StringVar(&t.room, "room", "", "the room; default: the console's first")
	cmd.Flags().BoolVar(&t.json, "json", false, "print JSON lines")
	cmd.Flags().StringVar(&server, "server", "", "URL of the page of a server elsewhere")
	return cmd
}

// withServer calls do with a client of the data folder's server; without one it
// runs a server in process meanwhile.
func (p *program) withServer(ctx context.Context, do func(ctx context.Context, c *http.Client) error) error {
	cfg, dir, err := p.load()
	if err != nil {
		return err
	}
	client := socketClient(socketPath(dir))
	if running(ctx, socketPath(dir)) {
		return do(ctx, client)
	}
	probe, err := p.probe()
	if err != nil {
		return err
	}
	a, err := p.wire(ctx, cfg, dir, p.logger(cfg, true), probe)
	if err != nil {
		return err
	}
	return a.run(ctx, func(ctx context.Context) error { return do(ctx, client) })
}

func running(ctx context.Context, path string) bool {
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return false
	}
	return c.Close() == nil
}

func socketClient(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
	}}
}

// talk is one conversation from the terminal.
type talk struct {
	client   *http.Client
	base     string // of the URLs, without slash
	token    string // for a server elsewhere
	as, room string
	json     bool
	out      io.Writer
	shown    map[string][]string // entry id -> lines shown last
	plan     string              // thread of the newest plan
}

// all says the texts one after the other.
func (t *talk) all(ctx context.Context, texts []string) error {
	failed := false
	for _, text := range texts {
		bad, err := t.say(ctx, text)
		if err != nil {
			return err
		}
		failed = failed || bad
	}
	if failed {
		return errFailed
	}
	return nil
}

// say says one text and prints what comes until its end.
func (t *talk) say(ctx context.Context, text string) (failed bool, err error) {
	req := console.SayRequest{Text: text, As: t.as, Room: t.room, Name: ownerName()}
	if answersPlan(text) {
		req.Thread = t.plan
	}
	if !strings.HasPrefix(text, "@") && !strings.HasPrefix(text, "!") {
		req.Text = "@opsbot " + text
	}
	body, err := json.Marshal(req)
	if err != nil {
		return false, fmt.Errorf("say: %w", err)
	}
	resp, err := post(ctx, t.client, t.base+"/say", t.token, body)
	if err != nil {
		return false, fmt.Errorf("say: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 500)) // what came is better than nothing
		return false, fmt.Errorf("say: the server answered %s: %s", resp.Status, console.Clean(strings.TrimSpace(string(text))))
	}
	dec := json.NewDecoder(resp.Body)
	for {
		var line console.SayLine
		if err := dec.Decode(&line); err != nil {
			return false, fmt.Errorf("say: the server ended the conversation: %w", err)
		}
		switch {
		case line.Error != "":
			return false, errors.New(line.Error)
		case line.End != nil:
			return line.End.Failed > 0, nil
		case line.Entry != nil:
			t.show(*line.Entry)
		}
	}
}

// answersPlan reports texts that answer the plan before them.
func answersPlan(text string) bool {
	words := strings.Fields(strings.ToLower(text))
	return len(words) > 0 && (words[0] == "confirm" || words[0] == "cancel" || words[0] == "yes" || words[0] == "no")
}

// show prints an entry, or of an edited one what is new.
func (t *talk) show(e bot.RoomEntry) {
	if strings.HasPrefix(e.PostKey, "plan:") {
		t.plan = e.Thread
	}
	if t.json {
		_ = json.NewEncoder(t.out).Encode(e)
		return
	}
	lines := console.Lines(e)
	before, edit := t.shown[e.ID]
	t.shown[e.ID] = lines
	name := console.Clean(e.Author.Name)
	if name == "" {
		name = console.Clean(e.Author.ID)
	}
	for _, line := range lines {
		if edit && slices.Contains(before, line) {
			continue
		}
		mark := " "
		if edit {
			mark = "~" // this line of an earlier message changed
		}
		fmt.Fprintf(t.out, "%-8s %s %s\n", name, mark, line)
		name = ""
	}
}

func post(ctx context.Context, c *http.Client, address, token string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return c.Do(req)
}

// call makes a simple call over the socket.
func call(ctx context.Context, c *http.Client, path string, in localRequest, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return send(ctx, c, path, body, out)
}

// send makes a call over the socket with a body of its own.
func send(ctx context.Context, c *http.Client, path string, body []byte, out any) error {
	resp, err := post(ctx, c, "http://opsbot"+path, "", body)
	if err != nil {
		return fmt.Errorf("the server does not answer on its socket: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var bad localAnswer
		if json.NewDecoder(resp.Body).Decode(&bad) == nil && bad.Error != "" {
			return errors.New(bad.Error)
		}
		return fmt.Errorf("the server answered %s", resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(out)
}
