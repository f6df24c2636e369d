// Package templates holds what OpsBot brings along to render: the built-in
// blueprints. It has no logic; a new blueprint is a new folder.
package templates

import (
	"embed"
	"fmt"
	"io/fs"
)

// "all:" takes the files whose names start with a dot, too.
//
//go:embed all:blueprints
var files embed.FS

// Blueprints gives the built-in blueprints, one folder each, by name.
func Blueprints() (fs.FS, error) {
	sub, err := fs.Sub(files, "blueprints")
	if err != nil {
		return nil, fmt.Errorf("open the built-in blueprints: %w", err)
	}
	return sub, nil
}
