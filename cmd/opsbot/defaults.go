package main

import (
	"context"
	"net"
	"net/url"
	"os/exec"
	"strings"

	"opsbot/blueprints"
	"opsbot/bot"
	"opsbot/bot/config"
	"opsbot/templates"
)

// completeDefaults fills in what the configuration leaves open.
func completeDefaults(cfg *config.Config, doors *doors) (d bot.Defaults, err error) {
	d = defaultsOf(cfg)
	if d.PublicURL, err = reachable(d.PublicURL, doors.listen); err != nil {
		return d, err
	}
	d.ConsoleURL, err = reachable(d.ConsoleURL, doors.console)
	return d, err
}

// defaultsOf is what the configuration alone tells.
func defaultsOf(cfg *config.Config) bot.Defaults {
	d := bot.Defaults{
		Forge: cfg.Defaults.Forge, Pipeline: cfg.Defaults.Pipeline, Blueprint: cfg.Defaults.Blueprint, Owner: cfg.Defaults.Owner,
		Provision: cfg.Defaults.Provision, Teams: cfg.Teams,
		BotName: cfg.Defaults.BotName, PublicURL: cfg.PublicURL, ConsoleURL: cfg.ConsoleURL,
	}
	d.ForgeOwners = map[string][]string{}
	for _, section := range cfg.Integrations {
		if owners := section.Texts("owners"); len(owners) > 0 {
			d.ForgeOwners[section.Name] = owners
		}
	}
	if d.Owners = d.ForgeOwners[d.Forge]; len(d.Owners) == 0 {
		d.Owners = []string{"local"}
		d.ForgeOwners[d.Forge] = d.Owners
	}
	if d.Owner == "" {
		d.Owner = d.Owners[0]
	}
	if instance, room, ok := strings.Cut(cfg.Defaults.Room, ":"); ok {
		d.Room = bot.RoomRef{Instance: instance, ID: strings.TrimPrefix(room, "#")}
	}
	d.Blueprint, d.BlueprintNote = blueprintFor(d.Blueprint, func(program string) bool {
		_, err := exec.LookPath(program)
		return err == nil
	})
	return d
}

// blueprintFor chooses the default blueprint unless one is configured, and says what
// this machine lacks to build what is made from it.
func blueprintFor(configured string, has func(program string) bool) (name, note string) {
	switch {
	case configured == "" && has("go"):
		return "go-service", ""
	case configured == "":
		return "static-site", "No Go was found on this machine, so the default blueprint is static-site."
	case configured == "java-service" && !has("javac"):
		return configured, "No JDK was found on this machine: what java-service makes is not built here before there is one, version 17 or newer."
	case configured == "java-service" && !has("gradle"):
		return configured, "No Gradle was found on this machine: what java-service makes is built here only if builds may use the network, to download it."
	}
	return configured, ""
}

// reachable puts the port that the system chose in the place of port 0.
func reachable(address string, l net.Listener) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", bot.Errorf(bot.CodeInvalid, "%q is no URL.", address)
	}
	if u.Port() == "0" {
		u.Host = net.JoinHostPort(u.Hostname(), port(l))
	}
	return u.String(), nil
}

func openCatalogue() (*blueprints.Catalogue, error) {
	files, err := templates.Blueprints()
	if err != nil {
		return nil, err
	}
	return blueprints.Open(files, "")
}

func specsOf(all []bot.Command) []bot.Spec {
	out := make([]bot.Spec, len(all))
	for i, c := range all {
		out[i] = c.Spec()
	}
	return out
}

// storeURL completes the configured URL with its password.
func storeURL(ctx context.Context, cfg *config.Config) (string, error) {
	if cfg.Store.Password.IsZero() {
		return cfg.Store.URL, nil
	}
	password, err := cfg.Store.Password.Resolve(ctx)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(cfg.Store.URL)
	if err != nil {
		return "", bot.Errorf(bot.CodeInvalid, "store.url is no URL.")
	}
	u.User = url.UserPassword(u.User.Username(), password)
	return u.String(), nil
}
