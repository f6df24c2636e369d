//go:build dev

package main

import (
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"opsbot/test/fakes/mattermost"
	"opsbot/test/fakes/slack"
)

// devChat is a room in which people talk by hand: functions, as with an interface the
// linker would keep all that tests do with a stand-in.
type devChat struct {
	say func(user, text string)
	// shown is what a person sees, oldest first, with the buttons in brackets.
	shown func(user string) []string
	// press presses the newest button with that label.
	press func(user, label string) error
}

func (f *standIns) chat(r *http.Request) devChat {
	if r.FormValue("chat") == "mattermost" {
		return devChat{f.mm.say, f.mm.shown, f.mm.press}
	}
	return devChat{f.slack.say, f.slack.shown, f.slack.press}
}

const devPage = `<!DOCTYPE html><html lang="en"><title>Stand-ins</title>
<style>body{font:15px sans-serif;margin:1em}iframe{width:49%;height:70vh;border:1px solid #888}input[name=text]{width:40em}</style>
<form method="post" action="/dev/say"><select name="chat"><option>slack<option>mattermost</select> <input name="user" value="alice" size="8">
<input name="text" value="@opsbot " autofocus> <button>Say</button> <button formaction="/dev/press" name="press" value="1">Press the button with that label</button></form>
<form method="post" action="/dev/commit"><select name="forge"><option>github<option>gitea<option>gitlab</select> <input name="repository" value="foo-org/"> <input name="message" value="Fix it"> <button>Commit to main</button></form>
<iframe src="/dev/shown?chat=slack&amp;user=alice&amp;refresh=2" title="Slack"></iframe>
<iframe src="/dev/shown?chat=mattermost&amp;user=alice&amp;refresh=2" title="Mattermost"></iframe>`

// page is what people talk through.
func (f *standIns) page(host string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(devPage)) // whoever is gone needs no page
	})
	mux.HandleFunc("GET /dev/shown", f.showShown)
	mux.HandleFunc("POST /dev/say", func(w http.ResponseWriter, r *http.Request) {
		f.chat(r).say(devUser(r), r.FormValue("text"))
		devDone(w, r, nil)
	})
	mux.HandleFunc("POST /dev/press", func(w http.ResponseWriter, r *http.Request) {
		label := r.FormValue("button")
		if label == "" {
			label = r.FormValue("text")
		}
		devDone(w, r, f.chat(r).press(devUser(r), strings.TrimSpace(label)))
	})
	mux.HandleFunc("POST /dev/commit", func(w http.ResponseWriter, r *http.Request) {
		branch := r.FormValue("branch")
		if branch == "" {
			branch = "main"
		}
		devDone(w, r, f.push(r.FormValue("forge"), r.FormValue("repository"), branch, r.FormValue("message")))
	})
	// Other pages in the same browser must not talk for these people.
	guard := http.NewCrossOriginProtection()
	return guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != host && !strings.HasPrefix(r.Host, "localhost:") {
			http.Error(w, "this is "+host, http.StatusMisdirectedRequest)
			return
		}
		mux.ServeHTTP(w, r)
	}))
}

func devUser(r *http.Request) string {
	if user := r.FormValue("user"); user != "" {
		return user
	}
	return "alice"
}

// devDone leads a browser back to the page, and tells curl how it went.
func devDone(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusConflict)
	case strings.Contains(r.Header.Get("Accept"), "text/html"):
		http.Redirect(w, r, "/", http.StatusSeeOther)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func (f *standIns) showShown(w http.ResponseWriter, r *http.Request) {
	all := strings.Join(f.chat(r).shown(devUser(r)), "\n\n")
	if r.FormValue("refresh") == "" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprintln(w, all) // as above
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = fmt.Fprintf(w, `<!DOCTYPE html><meta http-equiv="refresh" content="2"><body style="display:flex;flex-direction:column-reverse"><pre style="white-space:pre-wrap">%s</pre>`, template.HTMLEscapeString(all))
}

// slackRoom is the channel #general of the workspace.
type slackRoom struct {
	server  *slack.Server
	channel string
	people  devPeople
}

func newSlackRoom(server *slack.Server) *slackRoom {
	r := &slackRoom{server: server, channel: server.AddChannel(slack.Channel{Name: "general", Members: []string{server.BotUserID}})}
	r.people.add = func(name string) string {
		id := server.AddUser(slack.User{Name: name})
		server.Join(id, r.channel, "")
		return id
	}
	return r
}

func (s *slackRoom) say(user, text string) { s.server.Say(s.people.id(user), s.channel, text, "") }

func (s *slackRoom) shown(user string) (out []string) {
	id := s.people.id(user)
	all := append(s.server.Messages(s.channel), s.server.Ephemerals(id, s.channel)...)
	if dm := s.server.DM(id); dm != "" {
		all = append(all, s.server.Messages(dm)...)
	}
	slices.SortStableFunc(all, func(a, b slack.Message) int { return strings.Compare(a.TS, b.TS) })
	for _, m := range all {
		if m.Subtype == "channel_join" {
			continue
		}
		text := m.Name + ": " + m.Text()
		for _, b := range m.Buttons() {
			text += " [" + b.Label + "]"
		}
		out = append(out, text)
	}
	return out
}

func (s *slackRoom) press(user, label string) error {
	for _, m := range slices.Backward(s.server.FromBot(s.channel)) {
		b, there := m.Button(label)
		if !there {
			continue
		}
		if a := s.server.Click(s.people.id(user), s.channel, m.TS, b.ActionID); !a.Acked {
			return fmt.Errorf("the press was not acknowledged: %s", a.Failure)
		}
		return nil
	}
	return fmt.Errorf("no message has a button %q", label)
}

// mattermostRoom is the channel general of the first team.
type mattermostRoom struct {
	server  *mattermost.Server
	bot     mattermost.User
	channel string
	people  devPeople
}

func newMattermostRoom(server *mattermost.Server) *mattermostRoom {
	r := &mattermostRoom{server: server, bot: server.AddBot("opsbot")}
	r.channel = server.AddChannel("general", r.bot.ID).ID
	r.people.add = func(name string) string {
		id := server.AddUser(name).ID
		server.Join(r.channel, id)
		return id
	}
	return r
}

func (m *mattermostRoom) say(user, text string) {
	m.server.Say(m.people.id(user), m.channel, text, "")
}

func (m *mattermostRoom) shown(user string) (out []string) {
	id := m.people.id(user)
	all := append(m.server.Channel(m.channel).PostsFor(id), m.server.Channel(m.server.DM(id, m.bot.ID).ID).PostsFor(id)...)
	slices.SortStableFunc(all, func(a, b mattermost.Post) int { return int(a.CreateAt - b.CreateAt) })
	for _, p := range all {
		if strings.HasPrefix(p.Type, "system_") && !p.Ephemeral {
			continue
		}
		text := m.server.User(p.UserID).Username + ": " + p.Message
		for _, a := range p.Attachments {
			text += strings.TrimRight("\n"+a.Pretext+a.Title+"\n"+a.Text, "\n")
			for _, field := range a.Fields {
				text += "\n" + field.Title + " " + field.Value
			}
			for _, b := range a.Actions {
				text += " [" + b.Name + "]"
			}
		}
		out = append(out, text)
	}
	return out
}

func (m *mattermostRoom) press(user, label string) error {
	for _, p := range slices.Backward(m.server.Channel(m.channel).Posts()) {
		for _, a := range p.Attachments {
			i := slices.IndexFunc(a.Actions, func(b mattermost.Action) bool { return b.Name == label })
			if i < 0 {
				continue
			}
			if out := m.server.Click(m.people.id(user), p.ID, a.Actions[i].ID); out.Status != http.StatusOK {
				return fmt.Errorf("the press failed: %s", out.Message)
			}
			return nil
		}
	}
	return fmt.Errorf("no message has a button %q", label)
}
