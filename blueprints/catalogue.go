package blueprints

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"opsbot/bot"
)

// Catalogue is where blueprints are found: those built in and those in a folder
// of the operator's own. A blueprint of the operator's takes the place of a
// built-in one of the same name. It is safe for concurrent use.
type Catalogue struct {
	builtin map[string]func() (*Blueprint, error)
	files   fs.FS // of the built-in ones
	folder  string
	random  io.Reader
	limits  Limits
}

// Open makes a catalogue of the blueprints in the top-level folders of builtin
// and of folder; folder "" means none. Built-in ones are loaded when they are
// first asked for, so that a start doesn't wait for them; those in folder are
// read each time, so that a new one needs no restart.
func Open(builtin fs.FS, folder string) (*Catalogue, error) {
	c := &Catalogue{
		builtin: map[string]func() (*Blueprint, error){}, files: builtin,
		folder: folder, random: rand.Reader, limits: DefaultLimits(),
	}
	names, err := folders(builtin)
	if err != nil {
		return nil, fmt.Errorf("list built-in blueprints: %w", err)
	}
	for _, name := range names {
		c.builtin[name] = sync.OnceValues(func() (*Blueprint, error) { return c.loadBuiltin(name) })
	}
	return c, nil
}

func (c *Catalogue) loadBuiltin(name string) (*Blueprint, error) {
	sub, err := fs.Sub(c.files, name)
	if err == nil {
		var b *Blueprint
		if b, err = Load(sub, name, c.random, c.limits); err == nil {
			return b, nil
		}
	}
	return nil, bot.Errorf(bot.CodeInternal, "The built-in blueprint %s is broken.", name).Because(err)
}

// All gives all blueprints that can be used, ordered by name, and an error
// that names those that can't; both may be there.
func (c *Catalogue) All() ([]*Blueprint, error) {
	own, err := c.own()
	faults := []error{err}
	var out []*Blueprint
	for _, name := range c.names(own) {
		// A broken one hides the built-in one too: the operator meant theirs.
		b, err := c.get(own, name)
		faults = append(faults, err)
		if err == nil {
			out = append(out, b)
		}
	}
	return out, errors.Join(faults...)
}

// Find gives the blueprint called name. The error is a *bot.Error: CodeNotFound
// with the names there are, CodeInvalid if the operator's blueprint is
// broken.
func (c *Catalogue) Find(name string) (*Blueprint, error) {
	own, err := c.own()
	if err != nil {
		return nil, err
	}
	return c.get(own, name)
}

// get gives the blueprint called name; own are the names of the operator's.
func (c *Catalogue) get(own []string, name string) (*Blueprint, error) {
	if slices.Contains(own, name) {
		return c.load(name)
	}
	if b, ok := c.builtin[name]; ok {
		return b()
	}
	text := fmt.Sprintf("There is no blueprint %s. There are: %s.", show(name), strings.Join(c.names(own), ", "))
	if near := bot.Nearest(name, c.names(own)); near != "" {
		text += fmt.Sprintf(" Did you mean %s?", near)
	}
	return nil, bot.Errorf(bot.CodeNotFound, "%s", text)
}

// names are those of all blueprints, sorted.
func (c *Catalogue) names(own []string) []string {
	out := slices.AppendSeq(slices.Clone(own), maps.Keys(c.builtin))
	slices.Sort(out)
	return slices.Compact(out)
}

// own lists the operator's blueprints by folder name.
func (c *Catalogue) own() ([]string, error) {
	if c.folder == "" {
		return nil, nil
	}
	names, err := folders(os.DirFS(c.folder))
	if err != nil {
		return nil, bot.Errorf(bot.CodeUnavailable, "The folder of blueprints cannot be read.").
			Because(fmt.Errorf("list blueprints in %s: %w", c.folder, err))
	}
	return names, nil
}

// Lint checks the blueprint called name; see Lint. The error says that there is
// none, or that it cannot be read.
func (c *Catalogue) Lint(ctx context.Context, name string) ([]Finding, error) {
	names, err := c.own()
	if err != nil {
		return nil, err
	}
	if slices.Contains(names, name) {
		var out []Finding
		err := c.open(name, func(fsys fs.FS) error {
			out = Lint(ctx, fsys, name)
			return nil
		})
		return out, err
	}
	if _, err := c.Find(name); err != nil {
		return nil, err
	}
	sub, err := fs.Sub(c.files, name)
	if err != nil {
		return nil, fmt.Errorf("open built-in blueprint %s: %w", name, err)
	}
	return Lint(ctx, sub, name), nil
}

// load reads one of the operator's blueprints.
func (c *Catalogue) load(name string) (*Blueprint, error) {
	var b *Blueprint
	err := c.open(name, func(fsys fs.FS) (err error) {
		b, err = Load(fsys, name, c.random, c.limits)
		return err
	})
	if err != nil {
		return nil, bot.Errorf(bot.CodeInvalid, "Blueprint %s is broken; `opsbot blueprint lint %s` tells why.", name, name).
			Because(fmt.Errorf("load blueprint %s from %s: %w", name, c.folder, err))
	}
	return b, nil
}

// open hands the folder of one of the operator's blueprints to use. An os.Root
// keeps links inside the blueprint from leading out of it.
func (c *Catalogue) open(name string, use func(fs.FS) error) error {
	parent, err := os.OpenRoot(c.folder)
	if err != nil {
		return fmt.Errorf("open the folder of blueprints: %w", err)
	}
	defer func() { _ = parent.Close() }() // read only: nothing can be lost
	root, err := parent.OpenRoot(name)
	if err != nil {
		return fmt.Errorf("open blueprint %s: %w", name, err)
	}
	defer func() { _ = root.Close() }() // as above
	return use(root.FS())
}

// folders lists the visible folders at the top of fsys, sorted.
func folders(fsys fs.FS) ([]string, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, err //nolint:wrapcheck // fs.PathError names action and folder
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			out = append(out, e.Name())
		}
	}
	return out, nil
}
