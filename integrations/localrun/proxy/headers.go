package proxy

import (
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"
)

// rewrite makes the app's request of the client's. The reverse proxy itself has
// removed hop-by-hop headers and foreign Forwarded and X-Forwarded-For, -Host, -Proto.
func (p *Proxy) rewrite(r *httputil.ProxyRequest) {
	r.Out.URL.Scheme, r.Out.URL.Host = "http", "app"
	r.Out.Host = r.In.Host
	// The reverse proxy drops parameters that it cannot parse; an app may want them.
	r.Out.URL.RawQuery = r.In.URL.RawQuery
	for name := range r.Out.Header {
		if strings.HasPrefix(name, "X-Forwarded-") || name == "X-Real-Ip" {
			r.Out.Header.Del(name)
		}
	}
	r.SetXForwarded()
	p.stripCookies(r.Out.Header)
	if _, ok := r.Out.Header["User-Agent"]; !ok {
		r.Out.Header.Set("User-Agent", "") // else the transport adds its own
	}
}

// stripCookies removes our own cookies and leaves all others as they were written.
func (p *Proxy) stripCookies(h http.Header) {
	lines := h["Cookie"]
	if len(lines) == 0 {
		return
	}
	var kept []string
	for _, line := range lines {
		var pairs []string
		for pair := range strings.SplitSeq(line, ";") {
			if !p.reserved(pair) && strings.TrimSpace(pair) != "" {
				pairs = append(pairs, strings.TrimSpace(pair))
			}
		}
		if len(pairs) > 0 {
			kept = append(kept, strings.Join(pairs, "; "))
		}
	}
	if len(kept) == 0 {
		h.Del("Cookie")
		return
	}
	h["Cookie"] = kept
}

// modifyResponse keeps an app from setting our cookies for the whole host.
func (p *Proxy) modifyResponse(r *http.Response) error {
	lines, ok := r.Header["Set-Cookie"]
	if !ok {
		return nil
	}
	if lines = slices.DeleteFunc(lines, p.reserved); len(lines) == 0 {
		r.Header.Del("Set-Cookie")
	} else {
		r.Header["Set-Cookie"] = lines
	}
	return nil
}

// reserved reports whether "name=value; ..." names one of our cookies, also with
// the prefixes that browsers give a meaning to.
func (p *Proxy) reserved(pair string) bool {
	if p.opt.CookiePrefix == "" {
		return false
	}
	name, _, _ := strings.Cut(pair, "=")
	name = strings.TrimSpace(name)
	name = strings.TrimPrefix(strings.TrimPrefix(name, "__Host-"), "__Secure-")
	return strings.HasPrefix(name, p.opt.CookiePrefix)
}
