package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Validate checks what one section says against the others; Load calls it.
func (c *Config) Validate() error {
	c.fillIn()
	var all []error
	all = append(all, c.checkListeners()...)
	all = append(all, c.checkEnvironments()...)
	all = append(all, c.checkReferences()...)
	return errors.Join(all...)
}

// fillIn sets what follows from other values.
func (c *Config) fillIn() {
	if c.PublicURL == "" {
		c.PublicURL = "http://" + dialable(c.Listen)
	}
	if c.ConsoleURL == "" {
		c.ConsoleURL = "http://" + dialable(c.Console)
	}
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	c.ConsoleURL = strings.TrimRight(c.ConsoleURL, "/")
}

// dialable replaces "all addresses" by one that a browser on this machine reaches.
func dialable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return listen
}

func (c *Config) checkListeners() []error {
	var all []error
	seen := map[string]string{}
	for _, l := range []struct{ key, address string }{{"listen", c.Listen}, {"console", c.Console}, {"apps", c.Apps}} {
		_, port, _ := net.SplitHostPort(l.address) // checked by its format
		if first, twice := seen[l.address]; twice && port != "0" {
			all = append(all, Fieldf(l.key, "the same address as %s", first))
		}
		seen[l.address] = l.key
	}
	if host, _, _ := net.SplitHostPort(c.Console); c.UnsafeLocal && !isLoopback(host) {
		all = append(all, Fieldf("unsafe_local", "not with the console on %s: whoever reaches the page could run anything here", c.Console))
	}
	return all
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// checkEnvironments: each after one above it, so that there is no circle.
func (c *Config) checkEnvironments() []error {
	var all []error
	seen := map[string]bool{}
	for i, e := range c.Environments {
		at := func(key string) string { return fmt.Sprintf("environments[%d].%s", i, key) }
		if seen[e.Name] {
			all = append(all, Fieldf(at("name"), "there are two environments %q", e.Name))
		}
		if e.After != "" && !seen[e.After] {
			all = append(all, Fieldf(at("after"), "there is no environment %q above this one", e.After))
		}
		if e.Approvals < 0 {
			all = append(all, Fieldf(at("approvals"), "must not be negative"))
		}
		if err := c.checkIntegration(at("deployer"), e.Deployer); err != nil {
			all = append(all, err)
		}
		seen[e.Name] = true
	}
	return all
}

// teamForm is what any pipeline takes as a folder's name.
var teamForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

func (c *Config) checkReferences() []error {
	all := []error{
		c.checkIntegration("defaults.forge", c.Defaults.Forge),
		c.checkIntegration("defaults.pipeline", c.Defaults.Pipeline),
		c.checkRoom("defaults.room", c.Defaults.Room),
	}
	for i, name := range c.Teams {
		at := fmt.Sprintf("teams[%d]", i)
		switch {
		case !teamForm.MatchString(name):
			all = append(all, Fieldf(at, "a team's name has at most 40 lower-case letters, digits and dashes, a letter first"))
		case slices.Index(c.Teams, name) < i:
			all = append(all, Fieldf(at, "%q is there twice", name))
		}
	}
	for i, name := range c.Defaults.Provision {
		at := fmt.Sprintf("defaults.provision[%d]", i)
		all = append(all, c.checkIntegration(at, name))
		if slices.Index(c.Defaults.Provision, name) < i {
			all = append(all, Fieldf(at, "%q is there twice", name))
		}
	}
	seen := map[string]bool{}
	for i, r := range c.Rooms {
		at := fmt.Sprintf("rooms[%d].room", i)
		all = append(all, c.checkRoom(at, r.Room))
		if seen[r.Room] {
			all = append(all, Fieldf(at, "the room %q is there twice", r.Room))
		}
		seen[r.Room] = true
	}
	return all
}

func (c *Config) checkIntegration(field, name string) error {
	if name == "" || c.Integrations.Get(name) != nil {
		return nil
	}
	names := make([]string, len(c.Integrations))
	for i, s := range c.Integrations {
		names[i] = s.Name
	}
	if near := nearest(name, names); near != "" {
		return Fieldf(field, "there is no integration %q; did you mean %q?", name, near)
	}
	return Fieldf(field, "there is no integration %q; there are %s", name, strings.Join(names, ", "))
}

func (c *Config) checkRoom(field, room string) error {
	if room == "" {
		return nil
	}
	instance, id, ok := strings.Cut(room, ":")
	if !ok || instance == "" || id == "" {
		return Fieldf(field, "must be INTEGRATION:ROOM")
	}
	return c.checkIntegration(field, instance)
}

// Validate checks the URL; what it says about a password does not repeat it.
func (s *Store) Validate() error {
	if s.URL == "" {
		if !s.Password.IsZero() {
			return Fieldf("password", "is of no use without a url")
		}
		return nil
	}
	u, err := url.Parse(s.URL)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return Fieldf("url", "must begin with postgres://")
	}
	if _, has := u.User.Password(); has || u.Query().Has("password") {
		return Fieldf("url", "must not hold the password: write it as password: env:NAME or file:PATH")
	}
	return nil
}
