package github

import (
	"bytes"
	"io"
	"net/http"
	"sync"
)

const (
	mostKept = 256
	maxKept  = 256 << 10 // bytes of one answer
)

// etags remembers answers, so that asking for what has not changed costs nothing of
// the limit. There is one credential per instance: the URL alone is the key.
type etags struct {
	next http.RoundTripper

	mu    sync.Mutex
	kept  map[string]*kept
	order []string // oldest first
}

type kept struct {
	tag, accept string
	header      http.Header
	body        []byte
}

func newETags(next http.RoundTripper) *etags { return &etags{next: next, kept: map[string]*kept{}} }

// RoundTrip implements http.RoundTripper.
func (e *etags) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet {
		return e.next.RoundTrip(req)
	}
	key := req.URL.String()
	have := e.get(key)
	if have != nil && have.accept == req.Header.Get("Accept") {
		req = req.Clone(req.Context())
		req.Header.Set("If-None-Match", have.tag)
	}
	resp, err := e.next.RoundTrip(req)
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode == http.StatusNotModified && have != nil:
		_ = resp.Body.Close()
		return have.answer(resp), nil
	case resp.StatusCode == http.StatusOK && resp.Header.Get("ETag") != "":
		if err := e.keep(key, req, resp); err != nil {
			return nil, err
		}
	}
	return resp, nil
}

// answer is the remembered one, with the limits as they are now.
func (k *kept) answer(resp *http.Response) *http.Response {
	header := k.header.Clone()
	for name, values := range resp.Header {
		header[name] = values
	}
	out := *resp
	out.StatusCode, out.Status = http.StatusOK, "200 OK"
	out.Header, out.Body, out.ContentLength = header, io.NopCloser(bytes.NewReader(k.body)), int64(len(k.body))
	return &out
}

func (e *etags) get(key string) *kept {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.kept[key]
}

// keep remembers an answer that is not too long; resp can be read afterwards as if
// nothing had happened.
func (e *etags) keep(key string, req *http.Request, resp *http.Response) error {
	begin, err := io.ReadAll(io.LimitReader(resp.Body, maxKept+1))
	rest := resp.Body
	if err != nil {
		_ = rest.Close()
		return err
	}
	if len(begin) > maxKept {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(begin), rest), rest}
		return nil
	}
	_ = rest.Close()
	resp.Body = io.NopCloser(bytes.NewReader(begin))
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.kept[key] == nil {
		e.order = append(e.order, key)
	}
	e.kept[key] = &kept{tag: resp.Header.Get("ETag"), accept: req.Header.Get("Accept"), header: resp.Header.Clone(), body: begin}
	for len(e.order) > mostKept {
		delete(e.kept, e.order[0])
		e.order = e.order[1:]
	}
	return nil
}
