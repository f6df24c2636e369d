package mattermost

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Command is a slash command that an administrator registered.
type Command struct {
	ID, Trigger, URL, Token string
	// Method is P (POST, the usual) or G.
	Method string
}

type command struct {
	Command
	teamID   string
	createAt int64
	wire     commandJSON
}

type commandJSON struct {
	ID               string `json:"id"`
	Token            string `json:"token"`
	CreateAt         int64  `json:"create_at"`
	UpdateAt         int64  `json:"update_at"`
	DeleteAt         int64  `json:"delete_at"`
	CreatorID        string `json:"creator_id"`
	TeamID           string `json:"team_id"`
	Trigger          string `json:"trigger"`
	Method           string `json:"method"`
	Username         string `json:"username"`
	IconURL          string `json:"icon_url"`
	AutoComplete     bool   `json:"auto_complete"`
	AutoCompleteDesc string `json:"auto_complete_desc"`
	AutoCompleteHint string `json:"auto_complete_hint"`
	DisplayName      string `json:"display_name"`
	Description      string `json:"description"`
	URL              string `json:"url"`
	PluginID         string `json:"plugin_id"`
}

// AddCommand registers a slash command for the first team; its token is in the
// result. trigger is written without the slash.
func (s *Server) AddCommand(trigger, target string) Command {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addCommand(commandJSON{TeamID: s.state.teams[0].ID, Trigger: trigger, Method: "P", URL: target}).Command
}

func (s *Server) addCommand(in commandJSON) *command {
	in.ID, in.Token, in.CreateAt = newID(), newID(), s.now()
	in.UpdateAt, in.CreatorID = in.CreateAt, s.Admin.ID
	cmd := &command{
		Command: Command{ID: in.ID, Trigger: in.Trigger, URL: in.URL, Token: in.Token, Method: in.Method},
		teamID:  in.TeamID, createAt: in.CreateAt, wire: in,
	}
	s.state.commands = append(s.state.commands, cmd)
	return cmd
}

func (s *Server) commandRoutes() []route {
	made := []string{
		"team_id", "method", "url", "auto_complete", "auto_complete_desc", "auto_complete_hint", "display_name", "trigger",
		"description", "username", "icon_url",
	}
	return []route{
		{method: "POST", path: "/commands", serve: (*call).createCommand, status: 201, fields: made},
		{method: "GET", path: "/commands", serve: (*call).listCommands, query: []string{"team_id", "custom_only"}},
		{method: "GET", path: "/commands/{command_id}", serve: (*call).getCommand},
		{method: "POST", path: "/commands/execute", serve: (*call).execute, outward: true, fields: []string{"channel_id", "command", "root_id", "parent_id", "team_id"}},
	}
}

func (c *call) createCommand() (any, error) {
	var in commandJSON
	if err := c.decode(&in, "command"); err != nil {
		return nil, err
	}
	if !c.who.is("system_admin") {
		return nil, forbidden()
	}
	in.Trigger = strings.ToLower(in.Trigger)
	builtIn := []string{"away", "header", "invite", "join", "leave", "me", "msg", "online", "purpose", "rename", "shrug", "help"}
	taken := slices.ContainsFunc(c.state.commands, func(cmd *command) bool { return cmd.Trigger == in.Trigger })
	switch {
	case taken || slices.Contains(builtIn, in.Trigger):
		return nil, fail(http.StatusBadRequest, "api.command.duplicate_trigger.app_error", "This trigger word is already in use. Please choose another word.")
	case in.Trigger == "" || strings.HasPrefix(in.Trigger, "/") || strings.Contains(in.Trigger, " "):
		return nil, fail(http.StatusBadRequest, "model.command.is_valid.trigger.app_error", "Invalid trigger.")
	case in.Method != "P" && in.Method != "G":
		return nil, fail(http.StatusBadRequest, "model.command.is_valid.method.app_error", "Invalid Method.")
	case !strings.HasPrefix(in.URL, "http://") && !strings.HasPrefix(in.URL, "https://"):
		return nil, fail(http.StatusBadRequest, "model.command.is_valid.url_http.app_error", "Invalid URL. Must be a valid URL and start with http:// or https://.")
	}
	return c.addCommand(in).wire, nil
}

func (c *call) listCommands() (any, error) {
	if !c.who.is("system_admin") {
		return nil, forbidden()
	}
	out := []commandJSON{}
	for _, cmd := range c.state.commands {
		out = append(out, cmd.wire)
	}
	return out, nil
}

// getCommand hides a command from who may not manage it.
func (c *call) getCommand() (any, error) {
	for _, cmd := range c.state.commands {
		if cmd.ID == c.vars["command_id"] && c.who.is("system_admin") {
			return cmd.wire, nil
		}
	}
	return nil, fail(http.StatusNotFound, "store.sql_command.save.get.app_error", "Unable to get the command.")
}

// commandLine is what a client sends when somebody types a command.
type commandLine struct {
	ChannelID string `json:"channel_id"`
	Command   string `json:"command"`
	RootID    string `json:"root_id"`
	TeamID    string `json:"team_id"`
}

func (c *call) execute() (any, error) {
	var in commandLine
	if err := c.decode(&in, "command_args"); err != nil {
		return nil, err
	}
	out, err := c.Server.runCommand(c.r.Context(), c.who, in)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// runCommand is a command typed by u.
func (s *Server) runCommand(ctx context.Context, u *user, in commandLine) (*commandResponse, error) {
	s.mu.Lock()
	run, err := s.prepareCommand(u, in)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	out, err := s.perform(ctx, run)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.touch()
	out.TriggerID = run.client
	if err := s.respond(run.hook, out); err != nil {
		return nil, err
	}
	return out, nil
}

// commandRun is one invocation on its way.
type commandRun struct {
	cmd    *command
	hook   *commandHook
	form   url.Values
	client string // trigger id for the client
}

func (s *Server) prepareCommand(u *user, in commandLine) (*commandRun, error) {
	line, slash := strings.CutPrefix(strings.TrimSpace(in.Command), "/")
	if !slash {
		return nil, fail(http.StatusBadRequest, "api.command.execute_command.start.app_error", "No command trigger found.")
	}
	ch := s.state.channels[in.ChannelID]
	if ch == nil || ch.members[u.ID] == nil {
		return nil, forbidden()
	}
	if ch.TeamID != "" {
		in.TeamID = ch.TeamID
	}
	t := s.state.team(in.TeamID)
	if t == nil || !t.members[u.ID] {
		return nil, forbidden()
	}
	word, text := line, ""
	if i := strings.IndexAny(line, " \t\n"); i >= 0 {
		word, text = line[:i], strings.TrimSpace(line[i:])
	}
	word = strings.ToLower(word)
	i := slices.IndexFunc(s.state.commands, func(cmd *command) bool { return cmd.Trigger == word && cmd.teamID == t.ID })
	if i < 0 {
		return nil, fail(http.StatusNotFound, "api.command.execute_command.not_found.app_error",
			"Command with a trigger of '"+word+"' not found. To send a message beginning with \"/\", try adding an empty space at the beginning of the message.")
	}
	hook := &commandHook{id: newID(), cmd: s.state.commands[i], userID: u.ID, channelID: ch.ID, rootID: in.RootID}
	s.state.hooks[hook.id] = hook
	id, client := s.newTrigger(u, ch.ID)
	form := url.Values{
		"channel_id": {ch.ID}, "channel_name": {ch.Name}, "command": {"/" + word}, "root_id": {in.RootID}, "team_domain": {t.Name},
		"response_url": {s.URL + "/hooks/commands/" + hook.id}, "team_id": {t.ID}, "text": {text}, "token": {hook.cmd.Token},
		"trigger_id": {id}, "user_id": {u.ID}, "user_name": {u.Username},
	}
	s.addMentions(form, ch, text)
	return &commandRun{cmd: hook.cmd, hook: hook, form: form, client: client}, nil
}

// addMentions tells the integration who @alice and ~ops are.
func (s *Server) addMentions(form url.Values, ch *channel, text string) {
	for _, word := range atWords(text) {
		if u := s.state.userByName(word[1:]); u != nil {
			form.Add("user_mentions", u.Username)
			form.Add("user_mentions_ids", u.ID)
		}
	}
	links := s.state.channelLinks(ch, text)
	for _, other := range s.state.rooms {
		if links[other.Name] != nil && other.TeamID == ch.TeamID {
			form.Add("channel_mentions", other.Name)
			form.Add("channel_mentions_ids", other.ID)
		}
	}
}

// perform calls the integration; only status 200 counts.
func (s *Server) perform(ctx context.Context, run *commandRun) (*commandResponse, error) {
	auth := map[string]string{"Authorization": "Token " + run.cmd.Token}
	var got *integrationAnswer
	var err error
	if run.cmd.Method == "G" {
		target := run.cmd.URL + "?"
		if strings.Contains(run.cmd.URL, "?") {
			target = run.cmd.URL + "&"
		}
		got, err = s.callOut(ctx, http.MethodGet, target+run.form.Encode(), "", nil, auth)
	} else {
		got, err = s.callOut(ctx, http.MethodPost, run.cmd.URL, "application/x-www-form-urlencoded", []byte(run.form.Encode()), auth)
	}
	failed := fail(http.StatusInternalServerError, "api.command.execute_command.failed.app_error", "Command with a trigger of '"+run.cmd.Trigger+"' failed.")
	if err != nil {
		return nil, failed
	}
	if got.status != http.StatusOK {
		return nil, fail(http.StatusInternalServerError, "api.command.execute_command.failed_resp.app_error",
			"Command with a trigger of '"+run.cmd.Trigger+"' returned response "+got.reason+".")
	}
	out, err := readResponse(got.kind, got.body)
	if err != nil {
		return nil, failed
	}
	return out, nil
}

// readResponse: JSON only when the content type says so, otherwise the whole body is
// the text.
func readResponse(kind string, body []byte) (*commandResponse, error) {
	kind, _, _ = strings.Cut(kind, ";")
	if strings.TrimSpace(kind) != "application/json" {
		return &commandResponse{Text: string(body)}, nil
	}
	var out commandResponse
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&out); err != nil {
		return nil, err
	}
	return &out, nil
}
