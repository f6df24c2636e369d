package github

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

//go:embed openapi.json
var openapi []byte

// contract is GitHub's own description of its API.
type contract struct{ doc *openapi3.T }

func loadContract() (*contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(openapi)
	if err != nil {
		return nil, fmt.Errorf("fake github: openapi.json: %w", err)
	}
	return &contract{doc}, nil
}

// covers tells whether every route is an operation of the description.
func (c *contract) covers(table []route) error {
	for _, r := range table {
		item := c.doc.Paths.Value(r.template)
		if item == nil || item.GetOperation(r.method) == nil {
			return fmt.Errorf("fake github: openapi.json has no %s %s", r.method, r.template)
		}
	}
	return nil
}

func (c *contract) route(r route) *routers.Route {
	item := c.doc.Paths.Value(r.template)
	return &routers.Route{Spec: c.doc, Path: r.template, PathItem: item, Method: r.method, Operation: item.GetOperation(r.method)}
}

func (c *contract) input(r *http.Request, at route, params map[string]string) *openapi3filter.RequestValidationInput {
	return &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: c.route(at),
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
}

// request says what of a request the description does not allow.
func (c *contract) request(r *http.Request, body []byte, at route, params map[string]string) error {
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
func (c *contract) extra(op *openapi3.Operation, body []byte) error {
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

// answer says what of an answer of ours the description does not allow.
func (c *contract) answer(r *http.Request, at route, params map[string]string, status int, header http.Header, body []byte) error {
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
