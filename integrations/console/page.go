package console

import (
	"bytes"
	"context"
	"embed"
	"html/template"
	"io/fs"
	"net/http"
	"strconv"
	"time"

	"opsbot/bot"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static
var staticFiles embed.FS

var _ bot.Routes = (*Console)(nil)

// Prefix: the page is everything that no other part of the console's listener is.
func (c *Console) Prefix() string { return "/" }

// Listener is the console's own.
func (c *Console) Listener() bot.Listener { return bot.ListenConsole }

// Handler answers the page's requests. It trusts Guard, which the composition root
// puts before everything on that listener.
func (c *Console) Handler() http.Handler {
	m := http.NewServeMux()
	static, err := fs.Sub(staticFiles, "static")
	if err == nil {
		m.Handle("GET /static/", http.StripPrefix("/static/", cached(http.FileServerFS(static))))
	}
	m.HandleFunc("GET /login", c.login)
	m.HandleFunc("POST /login", c.redeem)
	m.HandleFunc("POST /logout", c.logout)
	m.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/rooms/"+c.cfg.Rooms[0], http.StatusSeeOther)
	})
	m.HandleFunc("GET /rooms/{room}", c.room)
	m.HandleFunc("GET /rooms/{room}/events", c.events)
	m.HandleFunc("POST /rooms/{room}/say", c.sayFromPage)
	m.HandleFunc("POST /rooms/{room}/press", c.press)
	m.HandleFunc("GET /rooms/{room}/forms/{action}", c.openForm)
	m.HandleFunc("POST /rooms/{room}/forms/{action}", c.sendForm)
	m.HandleFunc("GET /board", c.board)
	m.HandleFunc("GET /account", c.accountPage)
	m.HandleFunc("POST /account/tokens", c.newToken)
	m.HandleFunc("POST /account/tokens/revoke", c.revokeToken)
	m.HandleFunc("GET /rooms/{room}/files/{entry}", c.file)
	m.Handle("POST "+sayPath, c.remoteSay())
	m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		c.page(w, r, http.StatusNotFound, "problem", map[string]any{"Title": "There is nothing here", "Text": "The address may be old, or mistyped."})
	})
	return m
}

// cached lets browsers keep what is embedded for a while.
func cached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=300")
		next.ServeHTTP(w, r)
	})
}

// page renders a whole page into memory first: an error never leaves half of one.
func (c *Console) page(w http.ResponseWriter, r *http.Request, status int, name string, data map[string]any) {
	account, in := AccountFrom(r.Context())
	data["Me"], data["LoggedIn"], data["Path"] = account, in, r.URL.Path
	if in {
		data["Rooms"] = c.roomNames(r.Context())
	}
	var b bytes.Buffer
	if err := c.pages.ExecuteTemplate(&b, name, data); err != nil {
		c.env.Log.Error("console: render", "page", name, "error", err)
		http.Error(w, "The page can't be shown; the operator finds the cause in the log.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a browser that is gone is no fault
}

// fail shows an error as a page, or as a line where htmx asked.
func (c *Console) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusBadRequest
	switch bot.CodeOf(err) {
	case bot.CodeNotFound:
		status = http.StatusNotFound
	case bot.CodeForbidden:
		status = http.StatusForbidden
	case bot.CodeStorageFull, bot.CodeUnavailable:
		status = http.StatusServiceUnavailable
	case bot.CodeInternal:
		status = http.StatusInternalServerError
		c.env.Log.Error("console: request", "path", r.URL.Path, "error", err)
	}
	if r.Header.Get("HX-Request") != "" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(bot.MessageOf(err))) //nolint:gosec // plain text, nosniff
		return
	}
	c.page(w, r, status, "problem", map[string]any{"Title": "That did not work", "Text": bot.MessageOf(err)})
}

func (c *Console) roomNames(ctx context.Context) []string {
	var out []string
	_ = c.env.Work.Read(ctx, func(ctx context.Context, tx *bot.Tx) error {
		list, err := tx.Rooms.List(ctx, c.env.Name)
		for _, r := range list {
			out = append(out, r.Ref.ID)
		}
		return err
	})
	return out
}

// shown is how many of a room's newest entries a page begins with.
const shown = 200

// room shows a room's newest entries; the stream goes on from there.
func (c *Console) room(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("room")
	account, _ := AccountFrom(r.Context())
	var list []bot.RoomEntry
	var last int64
	err := c.env.Work.Read(r.Context(), func(ctx context.Context, tx *bot.Tx) error {
		room, err := tx.Rooms.Get(ctx, c.Room(name))
		if err != nil {
			return err
		}
		last = room.Seq
		list, err = tx.Rooms.Entries(ctx, room.Ref, max(last-shown, 0), shown)
		return err
	})
	if err != nil {
		c.fail(w, r, err)
		return
	}
	c.page(w, r, http.StatusOK, "room", map[string]any{
		"Room": name, "Last": last, "Threads": c.threads(list, account), "Title": "#" + name,
	})
}

// events streams a room's entries from a sequence number on; the browser itself
// comes back with the last one it has seen, also after a restart of the server.
func (c *Console) events(w http.ResponseWriter, r *http.Request) {
	account, _ := AccountFrom(r.Context())
	room := c.Room(r.PathValue("room"))
	after := r.Header.Get("Last-Event-ID")
	if after == "" {
		after = r.URL.Query().Get("after")
	}
	seq, err := strconv.ParseInt(after, 10, 64)
	if err != nil || seq < 0 {
		http.Error(w, "after must be a sequence number", http.StatusBadRequest)
		return
	}
	if _, err := c.lastSeq(r.Context(), room); err != nil {
		c.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	s := &stream{w: w, rc: http.NewResponseController(w)}
	s.comment("hello")
	wake, stop := c.env.Waker.Listen(bot.QueueRooms)
	defer stop()
	for s.err == nil {
		var list []bot.RoomEntry
		err := c.env.Work.Read(r.Context(), func(ctx context.Context, tx *bot.Tx) (err error) {
			list, err = tx.Rooms.Entries(ctx, room, seq, 100)
			return err
		})
		if err != nil || c.still(r.Context(), account) != nil {
			return // the browser comes back, and is let in or not
		}
		for _, e := range list {
			seq = e.Seq
			c.send(s, e, account)
		}
		if len(list) > 0 {
			continue
		}
		select {
		case <-r.Context().Done():
			return
		case <-c.stopped:
			return
		case <-wake:
		case <-c.env.Clock.After(20 * time.Second):
			s.comment("still here")
		}
	}
}

// send renders one entry for the stream, if the account may see it.
func (c *Console) send(s *stream, e bot.RoomEntry, account bot.Account) {
	if !visible(e, account) {
		return
	}
	var b bytes.Buffer
	if err := c.pages.ExecuteTemplate(&b, "entry", c.view(e)); err != nil {
		c.env.Log.Error("console: render entry", "error", err)
		return
	}
	s.event(e.Seq, "entry", b.String())
}

// functions are what the templates may call.
func functions() template.FuncMap {
	return template.FuncMap{
		"rich": richText, "stamp": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"clock": func(t time.Time) string { return t.UTC().Format("15:04") },
	}
}

func parsePages() (*template.Template, error) {
	return template.New("").Funcs(functions()).ParseFS(templateFiles, "templates/*.html")
}
