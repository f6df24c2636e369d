// Package openapi holds the stand-in for GitHub to GitHub's own OpenAPI description:
// what that does not allow fails the test. openapi.json is it, cut down by cut to
// operations.txt; both are in the repository, so that tests need no registry.
package openapi

//go:generate go run ./cut

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"opsbot/test/fakes"
	"opsbot/test/fakes/github"
)

//go:embed openapi.json
var description []byte

// Contract is GitHub's own description of its API. Safe for concurrent use.
type Contract struct{ doc *openapi3.T }

var _ github.Contract = (*Contract)(nil)

// load is done once: it takes as long as many a test.
//
//nolint:gochecknoglobals // made once, never changed
var load = sync.OnceValues(func() (*Contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(description)
	if err != nil {
		return nil, fmt.Errorf("openapi.json: %w", err)
	}
	return &Contract{doc}, nil
})

// New starts a stand-in for GitHub that is held to the description, and is closed when
// the test ends.
func New(t fakes.TB, opts ...github.Option) *github.Server {
	t.Helper()
	c, err := load()
	if err != nil {
		t.Fatalf("%v", err)
	}
	return github.New(t, append([]github.Option{github.WithContract(c)}, opts...)...)
}

// Load gives the description, for servers that are started without a test.
func Load() (*Contract, error) { return load() }

// Has implements github.Contract.
func (c *Contract) Has(op github.Operation) bool {
	item := c.doc.Paths.Value(op.Template)
	return item != nil && item.GetOperation(op.Method) != nil
}

func (c *Contract) route(op github.Operation) *routers.Route {
	item := c.doc.Paths.Value(op.Template)
	return &routers.Route{Spec: c.doc, Path: op.Template, PathItem: item, Method: op.Method, Operation: item.GetOperation(op.Method)}
}

func (c *Contract) input(r *http.Request, at github.Operation, params map[string]string) *openapi3filter.RequestValidationInput {
	return &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: c.route(at),
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
}

// Request implements github.Contract.
func (c *Contract) Request(r *http.Request, body []byte, at github.Operation, params map[string]string) error {
	checked := r.Clone(context.WithoutCancel(r.Context()))
	checked.Body = http.NoBody
	if len(body) > 0 {
		checked.Body = readCloser{bytes.NewReader(body)}
	}
	in := c.input(checked, at, params)
	var known []string
	for _, list := range []openapi3.Parameters{in.Route.Operation.Parameters, in.Route.PathItem.Parameters} {
		for _, p := range list {
			if p.Value.In == openapi3.ParameterInQuery {
				known = append(known, p.Value.Name)
			}
		}
	}
	for name := range r.URL.Query() {
		if !slices.Contains(known, name) {
			return fmt.Errorf("there is no parameter %q", name)
		}
	}
	if err := c.extra(in.Route.Operation, body); err != nil {
		return err
	}
	return openapi3filter.ValidateRequest(r.Context(), in)
}

// extra finds fields that the description does not know: GitHub ignores them, so
// that a slip would go unseen.
func (c *Contract) extra(op *openapi3.Operation, body []byte) error {
	var sent map[string]json.RawMessage
	if len(body) == 0 || json.Unmarshal(body, &sent) != nil {
		return nil
	}
	if op.RequestBody == nil {
		return fmt.Errorf("a body where none is described")
	}
	media := op.RequestBody.Value.Content.Get("application/json")
	if media == nil || media.Schema.Value.Properties == nil {
		return nil
	}
	for name := range sent {
		if media.Schema.Value.Properties[name] == nil {
			return fmt.Errorf("there is no field %q", name)
		}
	}
	return nil
}

// Answer implements github.Contract.
func (c *Contract) Answer(r *http.Request, at github.Operation, params map[string]string, status int, header http.Header, body []byte) error {
	in := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: c.input(r, at, params), Status: status, Header: header,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	in.SetBodyBytes(body)
	return openapi3filter.ValidateResponse(context.WithoutCancel(r.Context()), in)
}

type readCloser struct{ *bytes.Reader }

// Close implements io.Closer.
func (readCloser) Close() error { return nil }
