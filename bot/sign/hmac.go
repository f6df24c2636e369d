package sign

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Nexus signs with HMAC-SHA1, which is not broken as a MAC
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"net/http"
	"strings"
)

// algorithm is a hash function and the prefix that names it in a header.
type algorithm struct {
	prefix string
	hash   func() hash.Hash
}

// HMAC is a keyed hash over the raw body, in hex, in one header field. Make it
// with one of the functions below.
type HMAC struct {
	name   string
	header string
	// algorithms that a sender may use; the first signs, and is what a value
	// without a prefix is made with (unless strict).
	algorithms []algorithm
	strict     bool // the prefix must be there
	plain      bool // the prefix is not written
	keys       [][]byte
}

var _ Scheme = (*HMAC)(nil)

// GitHub verifies X-Hub-Signature-256: sha256=HEX.
func GitHub(keys ...string) (*HMAC, error) {
	return newHMAC(HMAC{name: "github", header: "X-Hub-Signature-256", strict: true, algorithms: sha256Only()}, keys)
}

// Gitea verifies X-Gitea-Signature: HEX (HMAC-SHA256).
func Gitea(keys ...string) (*HMAC, error) {
	return newHMAC(HMAC{name: "gitea", header: "X-Gitea-Signature", plain: true, algorithms: sha256Only()}, keys)
}

// Forgejo verifies X-Forgejo-Signature: HEX (HMAC-SHA256).
func Forgejo(keys ...string) (*HMAC, error) {
	return newHMAC(HMAC{name: "forgejo", header: "X-Forgejo-Signature", plain: true, algorithms: sha256Only()}, keys)
}

// SonarQube verifies X-Sonar-Webhook-HMAC-SHA256: HEX.
func SonarQube(keys ...string) (*HMAC, error) {
	return newHMAC(HMAC{name: "sonarqube", header: "X-Sonar-Webhook-HMAC-SHA256", plain: true, algorithms: sha256Only()}, keys)
}

// Nexus verifies X-Nexus-Webhook-Signature: HEX (HMAC-SHA1).
func Nexus(keys ...string) (*HMAC, error) {
	return newHMAC(HMAC{name: "nexus", header: "X-Nexus-Webhook-Signature", plain: true, algorithms: []algorithm{{"sha1=", sha1.New}}}, keys)
}

// Terraform verifies X-TFE-Notification-Signature: HEX (HMAC-SHA512).
func Terraform(keys ...string) (*HMAC, error) {
	return newHMAC(HMAC{name: "terraform", header: "X-TFE-Notification-Signature", plain: true, algorithms: []algorithm{{"sha512=", sha512.New}}}, keys)
}

// Flux verifies X-Signature: ALG=HEX of Flux's generic-hmac provider. The sender
// names the algorithm; all that Flux offers are of the SHA-2 family.
func Flux(keys ...string) (*HMAC, error) {
	return newHMAC(HMAC{name: "flux", header: "X-Signature", strict: true, algorithms: []algorithm{
		{"sha256=", sha256.New}, {"sha224=", sha256.New224}, {"sha384=", sha512.New384}, {"sha512=", sha512.New},
	}}, keys)
}

// Generic verifies HMAC-SHA256 in hex in a header of any name, with or without
// "sha256=" in front; it signs with it.
func Generic(header string, keys ...string) (*HMAC, error) {
	return newHMAC(HMAC{name: "generic", header: header, algorithms: sha256Only()}, keys)
}

func sha256Only() []algorithm { return []algorithm{{"sha256=", sha256.New}} }

func newHMAC(h HMAC, keys []string) (*HMAC, error) {
	var err error
	if h.keys, err = checkKeys(h.name+" signature", keys); err != nil {
		return nil, err
	}
	return &h, nil
}

// Header returns the name of the header field that holds the signature.
func (h *HMAC) Header() string { return h.header }

// Verify implements Scheme.
func (h *HMAC) Verify(header http.Header, body []byte) error {
	value, err := single(header, h.header)
	if err != nil {
		return err
	}
	alg, digits, err := h.split(value)
	if err != nil {
		return err
	}
	got, err := hex.DecodeString(digits)
	if err != nil || len(got) != alg.hash().Size() {
		return refuse("%s is not %d hexadecimal digits", h.header, 2*alg.hash().Size())
	}
	if !anyMAC(alg, h.keys, got, body) {
		return refuse("%s does not match the body", h.header)
	}
	return nil
}

// split finds the algorithm that a header's value names.
func (h *HMAC) split(value string) (algorithm, string, error) {
	for _, a := range h.algorithms {
		if digits, ok := strings.CutPrefix(value, a.prefix); ok {
			return a, digits, nil
		}
	}
	if h.strict || strings.Contains(value, "=") {
		return algorithm{}, "", refuse("%s names no algorithm that is accepted", h.header)
	}
	return h.algorithms[0], value, nil
}

// Sign implements Scheme.
func (h *HMAC) Sign(header http.Header, body []byte) {
	alg := h.algorithms[0]
	value := hex.EncodeToString(mac(alg, h.keys[0], body))
	if !h.plain {
		value = alg.prefix + value
	}
	header.Set(h.header, value)
}

// anyMAC compares got with the MAC of every key; it does not stop at the first
// match, so that time tells nothing about which key is in use.
func anyMAC(alg algorithm, keys [][]byte, got []byte, parts ...[]byte) bool {
	match := false
	for _, key := range keys {
		if hmac.Equal(mac(alg, key, parts...), got) {
			match = true
		}
	}
	return match
}

func mac(alg algorithm, key []byte, parts ...[]byte) []byte {
	m := hmac.New(alg.hash, key)
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}
