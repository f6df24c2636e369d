package webhook

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// headerFilter is the allow list of headers that are stored with a delivery.
type headerFilter map[string]bool

func newHeaderFilter(more []string) headerFilter {
	f := headerFilter{}
	for _, name := range append([]string{"Content-Type", "User-Agent", "X-Request-Id", "X-Sonarqube-Project"}, more...) {
		f[http.CanonicalHeaderKey(name)] = true
	}
	return f
}

// filter copies what says which event a delivery is. Names that could carry a
// secret never pass, not even when a list names them.
func (f headerFilter) filter(h http.Header) http.Header {
	out := http.Header{}
	for name, values := range h {
		name = http.CanonicalHeaderKey(name)
		if !secretName(name) && (f[name] || aboutEvent(name)) {
			out[name] = append([]string(nil), values...)
		}
	}
	return out
}

// aboutEvent knows the naming customs of the senders: X-GitHub-Event,
// X-Gitlab-Event-Uuid, X-Gitea-Delivery, Ce-Type, X-Amz-Sns-Message-Type.
func aboutEvent(name string) bool {
	for _, prefix := range []string{"Ce-", "X-Amz-Sns-", "X-Github-Hook-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	for _, suffix := range []string{"-Event", "-Event-Type", "-Event-Uuid", "-Event-Id", "-Event-Key", "-Delivery", "-Webhook-Id"} {
		if strings.HasSuffix(name, suffix) && strings.HasPrefix(name, "X-") {
			return true
		}
	}
	return false
}

func secretName(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"auth", "cookie", "signature", "token", "secret", "password", "apikey", "api-key", "api_key", "credential", "hmac"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return name == "key" || name == "sig"
}

const masked = "masked"

var (
	// A 128-bit token is at least 22 characters of base64 or base62, 32 of hex.
	tokenLike = regexp.MustCompile(`^[A-Za-z0-9_\-.~=%]{22,}$`)
	uuidLike  = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
)

// maskPath hides segments that may be a sender's token. UUIDs stay: they are
// our own resource ids, which parsers need and which open nothing.
func maskPath(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if tokenLike.MatchString(p) && !uuidLike.MatchString(p) {
			parts[i] = masked
		}
	}
	return strings.Join(parts, "/")
}

// maskQuery hides values by their name or by looking like a token.
func maskQuery(query string) string {
	if query == "" {
		return ""
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return masked // what cannot be read cannot be cleaned
	}
	for name, list := range values {
		for i, v := range list {
			if secretName(name) || (tokenLike.MatchString(v) && !uuidLike.MatchString(v)) {
				list[i] = masked
			}
		}
	}
	return values.Encode()
}
