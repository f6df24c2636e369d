package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"opsbot/bot"
	"opsbot/bot/operation"
)

// probe gives the function that announces moments to crash at, when a parent
// process listens on a descriptor for them; nil otherwise.
func (p *program) probe() (func(string), error) {
	text, ok := p.environ("OPSBOT_BOUNDARY_FD")
	if !ok {
		return nil, nil
	}
	fd, err := strconv.Atoi(text)
	if err != nil || fd < 3 {
		return nil, usageError{fmt.Errorf("OPSBOT_BOUNDARY_FD=%q is no inherited descriptor", text)}
	}
	f := os.NewFile(uintptr(fd), "boundaries")
	var mu sync.Mutex
	return func(point string) {
		mu.Lock()
		defer mu.Unlock()
		// The parent answers a byte for each line: it decides whether we go on.
		if _, err := io.WriteString(f, point+"\n"); err == nil {
			_, _ = f.Read(make([]byte, 1))
		}
	}, nil
}

// boundary announces a moment at which a crash is interesting.
func (a *app) boundary(kind, step string, b operation.Boundary) {
	if a.probe != nil {
		a.probe(kind + "/" + step + "/" + string(b))
	}
}

// watched is the store as one part of the program gets it: itself, or, when a
// parent listens, one that announces the moments around each of the part's commits.
func (a *app) watched(part string) bot.UnitOfWork {
	if a.probe == nil {
		return a.store
	}
	return &watchedWork{UnitOfWork: a.store, part: part, probe: a.probe}
}

// watchedWork announces PART/FUNCTION/before and /committed around every commit,
// FUNCTION being the one that writes.
type watchedWork struct {
	bot.UnitOfWork
	part  string
	probe func(point string)
}

// Write implements bot.UnitOfWork.
func (w *watchedWork) Write(ctx context.Context, fn func(ctx context.Context, tx *bot.Tx) error) error {
	point := w.part + "/" + writer()
	w.probe(point + "/before")
	err := w.UnitOfWork.Write(ctx, fn)
	if err == nil {
		w.probe(point + "/committed")
	}
	return err
}

// writer names the function that called Write, past helpers that only pass on.
func writer() string {
	pcs := make([]uintptr, 16)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		frame, more := frames.Next()
		name := frame.Function[strings.LastIndexByte(frame.Function, '/')+1:]
		parts := strings.Split(strings.ReplaceAll(name, "[...]", ""), ".") // of a generic function
		parts = slices.DeleteFunc(parts[1:], func(s string) bool { return strings.HasPrefix(s, "func") || s[0] >= '0' && s[0] <= '9' || s[0] == '(' })
		last := ""
		if len(parts) > 0 {
			last = parts[len(parts)-1]
		}
		if !more || last != "" && !slices.Contains([]string{"write", "save", "put", "store", "mutate", "update"}, last) {
			return last
		}
	}
}

// accept stores deliveries that came in over the edge.
func (a *app) accept(ctx context.Context, rows ...bot.InboxRow) (added int, err error) {
	a.boundary("edge", "accept", "before")
	added, err = a.store.Accept(ctx, rows...)
	if err == nil {
		a.boundary("edge", "accept", "committed")
	}
	return added, err
}
