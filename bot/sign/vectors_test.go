package sign_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"opsbot/bot/sign"
)

// corpus reads a file of the payload samples, which lie beside the repository and
// are not part of it. Without them the test says so loudly, and fails where they
// are required.
func corpus(t *testing.T, name string) []byte {
	t.Helper()
	dir, ok := os.LookupEnv("OPSBOT_PAYLOADS")
	if !ok {
		dir = filepath.Join("..", "..", "..", "shared", "payloads")
	}
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		if required, _ := os.LookupEnv("OPSBOT_REQUIRE_PAYLOADS"); required != "1" {
			t.Skipf("NO PAYLOAD CORPUS: %s is missing, so the vendor's own signature vector is NOT checked", name)
		}
	}
	if err != nil {
		t.Fatalf("payload corpus: %v", err)
	}
	return data
}

func decode(t *testing.T, data []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

func TestGitHubVector(t *testing.T) {
	t.Parallel()
	var v struct{ Secret, Payload, Header, Value string }
	decode(t, corpus(t, "github/signature-test-vector.json"), &v)
	s, err := sign.GitHub(v.Secret)
	if err != nil {
		t.Fatal(err)
	}
	if s.Header() != v.Header {
		t.Errorf("header %q, want %q", s.Header(), v.Header)
	}
	checkVector(t, s, http.Header{v.Header: {v.Value}}, []byte(v.Payload))
}

func TestSonarQubeVector(t *testing.T) {
	t.Parallel()
	var v struct {
		BodyFile              string `json:"body_file"`
		Secret, Header, Value string
	}
	decode(t, corpus(t, "sonarqube/signed.vector.json"), &v)
	s, err := sign.SonarQube(v.Secret)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	h.Set(v.Header, v.Value)
	checkVector(t, s, h, corpus(t, "sonarqube/"+v.BodyFile))
}

func TestSlackVector(t *testing.T) {
	t.Parallel()
	var v struct {
		SigningSecret string `json:"signing_secret"`
		Headers       map[string]string
		Body          string
	}
	decode(t, corpus(t, "slack/signing-example.json"), &v)
	h := http.Header{}
	for name, value := range v.Headers {
		h.Set(name, value)
	}
	then, err := sign.NewSlack(at(time.Unix(1531420618, 0)), v.SigningSecret)
	if err != nil {
		t.Fatal(err)
	}
	checkVector(t, then, h, []byte(v.Body))

	now, err := sign.NewSlack(at(time.Unix(1531420618, 0).Add(5*time.Minute+time.Second)), v.SigningSecret)
	if err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, now.Verify(h, []byte(v.Body)), "more than 5m")
}

// checkVector wants the vector to verify, our own signature to equal it, and any
// change of the body to be noticed.
func checkVector(t *testing.T, s sign.Scheme, h http.Header, body []byte) {
	t.Helper()
	if err := s.Verify(h, body); err != nil {
		t.Errorf("the published vector is refused: %v", err)
	}
	ours := http.Header{}
	s.Sign(ours, body)
	for name := range ours {
		if ours.Get(name) != h.Get(name) {
			t.Errorf("%s: we sign %q, the vector has %q", name, ours.Get(name), h.Get(name))
		}
	}
	wantRefusal(t, s.Verify(h, append([]byte("x"), body...)), "does not match")
}
