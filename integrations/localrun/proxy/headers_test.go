package proxy

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
)

// seen sends a request through the proxy and returns what the app saw and what the
// client got back.
func seen(t *testing.T, uri string, header http.Header, answer http.Header) (*http.Request, http.Header) {
	t.Helper()
	p, front := setup(t)
	got := make(chan *http.Request, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, values := range answer {
			w.Header()[name] = values
		}
		got <- r
	}))
	t.Cleanup(server.Close)
	p.Switch(host, NewInstance("1", func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", server.Listener.Addr().String())
	}))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, front.URL+uri, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host, req.Header = host+":8081", header
	res, err := front.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return <-got, res.Header
}

func TestConsoleCookiesNeverPass(t *testing.T) {
	t.Parallel()
	in, out := seen(t, "/", http.Header{
		"Cookie": {`a="1 x"; opsbot_session=secret;b=2`, "__Host-opsbot=again"},
	}, http.Header{"Set-Cookie": {"opsbot_session=evil; Domain=localhost", "own=1; Path=/"}})
	if got := in.Header["Cookie"]; !slices.Equal(got, []string{`a="1 x"; b=2`}) {
		t.Errorf("the app saw the cookies %q", got)
	}
	if got := out["Set-Cookie"]; !slices.Equal(got, []string{"own=1; Path=/"}) {
		t.Errorf("the app set the cookies %q", got)
	}
	in, _ = seen(t, "/", http.Header{"Cookie": {"opsbot_session=secret"}}, nil)
	if got, ok := in.Header["Cookie"]; ok {
		t.Errorf("the app saw the cookies %q", got)
	}
}

func TestForwardedHeadersAreOurOwn(t *testing.T) {
	t.Parallel()
	in, _ := seen(t, "/a%2Fb?x=1;y=%zz", http.Header{
		"X-Forwarded-For": {"6.6.6.6"}, "X-Forwarded-Host": {"evil"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Port": {"1"},
		"X-Forwarded-Prefix": {"/evil"}, "Forwarded": {"for=6.6.6.6"}, "X-Real-Ip": {"6.6.6.6"}, "Connection": {"X-Hop"}, "X-Hop": {"1"},
	}, nil)
	want := map[string]string{
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": host + ":8081", "X-Forwarded-Proto": "http", "X-Forwarded-Port": "",
		"X-Forwarded-Prefix": "", "Forwarded": "", "X-Real-Ip": "", "X-Hop": "",
	}
	for name, value := range want {
		if got := in.Header.Get(name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	if in.RequestURI != "/a%2Fb?x=1;y=%zz" || in.Host != host+":8081" {
		t.Errorf("the app saw %q on %q", in.RequestURI, in.Host)
	}
}
