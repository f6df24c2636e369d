package kill_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"opsbot/bot/store/storetest"
)

// openRows counts what is going on. What is shown on a forge may be looked at again after
// two minutes only, if the word of a build's end came while it was looked at.
const openRows = `SELECT
	(SELECT count(*) FROM messages WHERE done = FALSE) +
	(SELECT count(*) FROM inbox WHERE state = 'new') +
	(SELECT count(*) FROM operations WHERE state NOT IN ('succeeded', 'failed', 'undone') AND kind <> 'forge-status') +
	(SELECT count(*) FROM builds WHERE state <> 'finished') +
	(SELECT count(*) FROM deployments WHERE state NOT IN ('succeeded', 'failed', 'rolled_back', 'superseded', 'unknown')) +
	(SELECT count(*) FROM posts WHERE wanted > delivered)`

// stores are the two kinds of store that everything is tried on.
var stores = []string{"sqlite", "postgres"}

// trial is one data folder with all its lives.
type trial struct {
	scene                      scene
	program, config, data, log string
	listen                     string // address of the hooks' listener
	env                        []string
	names                      map[string]string // what of a line gave
	patience                   time.Duration
	apps                       string // address of the apps' listener
	db                         *sql.DB
	client                     *http.Client                                // of the owner's socket
	outside                    func(ctx context.Context) ([]string, error) // what is seen at the services
}

// newTrial prepares a data folder with ports of its own.
func newTrial(t *testing.T, sc scene, store, program string) *trial {
	t.Helper()
	// Short, for sockets, and kept when the trial fails.
	dir, err := os.MkdirTemp("", fmt.Sprintf("kill-%08x-", rand.Uint32())) //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	r := &trial{names: map[string]string{}, scene: sc, program: program, patience: sc.patience, config: filepath.Join(dir, "config.yaml"), data: filepath.Join(dir, "data"), log: filepath.Join(dir, "log")}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the log ends with:\n%s", tail(r.log))
			logs, _ := filepath.Glob(filepath.Join(r.data, "integrations/localci/logs/*/*/*.log"))
			for _, log := range logs {
				t.Logf("%s ends with:\n%s", filepath.Base(log), tail(log))
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Logf("remove %s: %v", dir, err)
		}
	})
	url, driver, dsn := "", "sqlite", "file:"+filepath.Join(r.data, "opsbot.db")+"?mode=ro&_pragma=busy_timeout(5000)"
	if store == "postgres" {
		url = storetest.NewDatabase(t)
		driver, dsn = "pgx", url
	}
	r.listen, r.apps = freeAddress(t), freeAddress(t)
	config := fmt.Sprintf("listen: %s\nconsole: %s\napps: %s\nstore: { url: %q }\n", r.listen, freeAddress(t), r.apps, url) + sc.open(t, r)
	if err := os.WriteFile(r.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if r.db, err = sql.Open(driver, dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.db.Close() })
	socket := filepath.Join(r.data, "run", "opsbot.sock")
	r.client = &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	return r
}

var lastPort atomic.Int32

// freeAddress gives an address that a program can listen on again and again: below
// the range from which the system takes ports for itself.
func freeAddress(t *testing.T) string {
	t.Helper()
	lastPort.CompareAndSwap(0, 20000+rand.Int32N(8000))
	for range 2000 {
		address := fmt.Sprintf("127.0.0.1:%d", 20000+(lastPort.Add(1)-20000)%12000)
		if l, err := net.Listen("tcp", address); err == nil {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			return address
		}
	}
	t.Fatal("no free port")
	return ""
}

func tail(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-4000):])
}

// play holds the whole conversation, starting the program again whenever it was
// killed. at decides at each announced moment. The program runs when it returns,
// unless the conversation did not get to its end.
func (r *trial) play(t *testing.T, at func(p *process, point string)) (*process, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), r.patience)
	defer cancel()
	for {
		p := r.start(t, at)
		t.Cleanup(func() { p.kill(true); <-p.gone })
		err := r.live(ctx, p)
		if err == nil {
			return p, nil
		}
		select {
		case <-p.gone:
		case <-ctx.Done():
			now, rowsErr := r.rows(context.WithoutCancel(ctx))
			p.kill(true)
			return nil, fmt.Errorf("not ended after %s: %w\n%s (%w)", r.patience, err, strings.Join(now, "\n"), rowsErr)
		}
		if !p.killed.Load() {
			return nil, fmt.Errorf("the program ended by itself: %w", err)
		}
	}
}

// world plays and takes stock.
func (r *trial) world(t *testing.T, at func(p *process, point string)) world {
	t.Helper()
	p, err := r.play(t, at)
	if err != nil {
		t.Fatal(err)
	}
	return r.look(t, p)
}

// live goes on with the conversation in one life of the program.
func (r *trial) live(ctx context.Context, p *process) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-p.gone:
			cancel(fmt.Errorf("the program is gone"))
		case <-ctx.Done():
		}
	}()
	select {
	case <-p.ready:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for _, s := range r.scene.said {
		if err := r.say(ctx, s); err != nil {
			return err
		}
		if err := r.settle(ctx, s.goal); err != nil {
			return fmt.Errorf("%s: %w", s.text, err)
		}
	}
	return nil
}

// say says a text unless it was taken already: the program answers for what it
// has taken, not for what it was killed before.
func (r *trial) say(ctx context.Context, s line) error {
	text := s.text
	if s.of != "" && r.names[s.of] == "" {
		ids, err := r.texts(ctx, s.of)
		if err != nil || len(ids) != 1 {
			return fmt.Errorf("%s gives %q, %w", s.of, ids, err)
		}
		r.names[s.of] = ids[0] // once: it may be gone after the next life
	}
	if s.of != "" {
		text = fmt.Sprintf(text, r.names[s.of])
	}
	words := strings.TrimPrefix(text, "@opsbot ")
	n, err := r.count(ctx, "SELECT count(*) FROM messages WHERE body LIKE '%"+words+"%'")
	if err != nil || n > 0 {
		return err
	}
	body, err := json.Marshal(map[string]string{"text": text, "name": "kim"})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://opsbot/say", bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// settle waits until nothing is open and the goal is reached. The database is all
// that can be asked from outside, hence the polling.
func (r *trial) settle(ctx context.Context, goal string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		open, err := r.count(ctx, openRows)
		if err != nil {
			return err
		}
		reached, err := r.count(ctx, goal)
		if err != nil {
			return err
		}
		if open == 0 && reached > 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; %d rows open, goal %d", context.Cause(ctx), open, reached)
		case <-tick.C:
		}
	}
}

func (r *trial) count(ctx context.Context, query string) (n int, err error) {
	return n, r.db.QueryRowContext(ctx, query).Scan(&n)
}
