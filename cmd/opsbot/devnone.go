//go:build !dev

package main

import (
	"context"
	"errors"
)

// devFakes says where the stand-ins are: not here.
func (p *program) devFakes(context.Context, string) error {
	return errors.New("this binary was built without the stand-ins; in a copy of OpsBot's source: go run -tags dev ./cmd/opsbot dev fakes")
}
