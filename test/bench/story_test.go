package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"opsbot/bot/sign"
)

func quick(t *testing.T) settings {
	t.Helper()
	return settings{dir: t.TempDir(), runs: 1, quick: true, log: io.Discard}
}

// Each story runs once, so that a change elsewhere which breaks one is noticed by
// make test, not at the next release. Whether a bar holds is not asked here.
func TestStoriesRun(t *testing.T) {
	t.Parallel()
	for name, story := range map[string]func(context.Context, settings) ([]row, error){
		"ingest": ingest, "reply": reply, "new-project": newProject, "calls": calls, "blueprint": blueprint, "services": remoteProject,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, err := story(t.Context(), quick(t))
			if err != nil && strings.Contains(err.Error(), "THE BASELINE IS MISSING") {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(rows) == 0 || rows[0].ours == "" || rows[0].base == "" || rows[0].bar == "" {
				t.Errorf("rows %+v", rows)
			}
		})
	}
}

// The baseline must do its part of the work: check, and keep every byte.
func TestBareHandlerChecksAndKeeps(t *testing.T) {
	t.Parallel()
	scheme, err := sign.GitHub(webhookKey)
	if err != nil {
		t.Fatal(err)
	}
	other, err := sign.GitHub("another key of sufficient length, not ours")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "log")
	log, err := openSyncedLog(path)
	if err != nil {
		t.Fatal(err)
	}
	server, err := serve(t.Context(), bareHandler(scheme, log))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := sendAll(t.Context(), server.url, scheme, "good", 40); err != nil {
		t.Fatal(err)
	}
	if err := send(t.Context(), &http.Client{}, server.url, other, "bad"); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("a forged push: %v", err)
	}
	if err := log.close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 40*bodyBytes {
		t.Errorf("%v bytes kept (error %v), want %d", info.Size(), err, 40*bodyBytes)
	}
}

func TestMissingDeliveriesAreNoticed(t *testing.T) {
	t.Parallel()
	h, err := openHost(t.Context(), quick(t), "missing")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := h.close(); err != nil {
			t.Error(err)
		}
	}()
	if err := allThere(t.Context(), h, 3); err == nil || !strings.Contains(err.Error(), "3 deliveries were acknowledged, but 0 are stored") {
		t.Errorf("error %v", err)
	}
}

// failing is a service that ends at once.
type failing struct{}

func (failing) Run(context.Context) error { return errors.New("out of luck") }

func TestAServiceThatEndsIsReported(t *testing.T) {
	t.Parallel()
	h, err := openHost(t.Context(), quick(t), "failing")
	if err != nil {
		t.Fatal(err)
	}
	h.run(t.Context(), failing{})
	failed := <-h.errs
	h.errs <- failed
	if err := h.close(); err == nil || !strings.Contains(err.Error(), "out of luck") {
		t.Errorf("error %v", err)
	}
}

// TestManyAtOnce: several projects made at once by the whole program are whole, and
// nothing of them is refused.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	rows, err := manyProjects(t.Context(), quick(t))
	if err != nil || len(rows) != 1 || rows[0].missed {
		t.Errorf("%+v, %v", rows, err)
	}
}
