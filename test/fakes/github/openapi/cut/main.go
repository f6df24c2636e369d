// Command cut makes openapi.json: GitHub's own OpenAPI description, as the npm
// package @octokit/openapi has it, cut down to the operations in operations.txt and
// what they refer to, without texts and examples. It runs in the folder that holds
// both, by go generate, and fetches the package through the npm client's registry.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	name    = "@octokit/openapi@23.0.2"
	inside  = "package/generated/api.github.com.json"
	maximum = 64 << 20
)

type object = map[string]any

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "cut:", err)
		os.Exit(1)
	}
}

func run() error {
	list, err := os.ReadFile("operations.txt")
	if err != nil {
		return err
	}
	whole, err := fetch()
	if err != nil {
		return err
	}
	c := &cutter{whole: whole, seen: map[string]bool{}, parts: object{}}
	paths, err := c.paths(strings.Fields(string(list)))
	if err != nil {
		return err
	}
	out := object{"openapi": whole["openapi"], "info": whole["info"], "paths": paths, "components": c.parts}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(out); err != nil {
		return err
	}
	return os.WriteFile("openapi.json", text.Bytes(), 0o644)
}

// fetch gives the whole description out of the package's archive.
func fetch() (object, error) {
	dir, err := os.MkdirTemp("", "openapi-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	npm := exec.Command("npm", "pack", "--silent", name) //nolint:noctx // a person waits for it, and can end it
	npm.Dir, npm.Stderr = dir, os.Stderr
	if err := npm.Run(); err != nil {
		return nil, fmt.Errorf("npm pack %s: %w", name, err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(found) != 1 {
		return nil, fmt.Errorf("npm packed %v, %w", found, err)
	}
	f, err := os.Open(found[0])
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return unpack(f)
}

func unpack(f io.Reader) (object, error) {
	zipped, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	archive := tar.NewReader(zipped)
	for {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("there is no %s in %s", inside, name)
		}
		if err != nil {
			return nil, err
		}
		if head.Name != inside {
			continue
		}
		var whole object
		return whole, json.NewDecoder(io.LimitReader(archive, maximum)).Decode(&whole)
	}
}

// cutter collects what the operations refer to.
type cutter struct {
	whole object
	seen  map[string]bool
	parts object // components
}

func (c *cutter) paths(list []string) (object, error) {
	out := object{}
	all, _ := c.whole["paths"].(object)
	for i := 0; i+1 < len(list); i += 2 {
		method, path := strings.ToLower(list[i]), list[i+1]
		item, _ := all[path].(object)
		op, ok := item[method].(object)
		if !ok {
			return nil, fmt.Errorf("there is no %s %s", list[i], path)
		}
		if out[path] == nil {
			out[path] = object{}
		}
		out[path].(object)[method] = c.bare(op)
	}
	return out, nil
}

// bare leaves out what is for people, and fetches what is referred to.
func (c *cutter) bare(v any) any {
	switch v := v.(type) {
	case object:
		out := object{}
		for key, value := range v {
			_, nested := value.(object)
			switch {
			case key == "$ref":
				c.fetch(value.(string))
			case (key == "description" || key == "summary" || key == "tags") && !nested:
				continue // of the object itself, not a field of that name
			case key == "example", key == "examples", key == "externalDocs", strings.HasPrefix(key, "x-"):
				continue
			}
			out[key] = c.bare(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, one := range v {
			out[i] = c.bare(one)
		}
		return out
	}
	return v
}

func (c *cutter) fetch(ref string) {
	if c.seen[ref] {
		return
	}
	c.seen[ref] = true
	at := strings.Split(strings.TrimPrefix(ref, "#/components/"), "/")
	kind, _ := c.whole["components"].(object)[at[0]].(object)
	if c.parts[at[0]] == nil {
		c.parts[at[0]] = object{}
	}
	c.parts[at[0]].(object)[at[1]] = c.bare(kind[at[1]])
}
