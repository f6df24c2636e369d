package mattermost

import (
	"crypto/rand"
	"encoding/base32"
	"regexp"
)

// newID makes 26 characters of [a-z0-9], as the server's ids and tokens are.
func newID() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails since Go 1.24
	alphabet := base32.NewEncoding("ybndrfg8ejkmcpqxot1uwisza345h769").WithPadding(base32.NoPadding)
	return alphabet.EncodeToString(raw[:])
}

var idForm = regexp.MustCompile(`^[a-z0-9]{26}$`)

func isID(s string) bool { return idForm.MatchString(s) }
