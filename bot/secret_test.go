package bot

import (
	"slices"
	"strings"
	"testing"
)

func TestSecretVariables(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{"TOKEN": "TOKEN", "db.login": "db_login", "a-b_c": "a_b_c"} {
		s := ProjectSecret{Key: key, Kind: SecretText}
		if got := s.Variables(); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %q", key, got)
		}
		s.Kind = SecretLogin
		if got := s.Variables(); !slices.Equal(got, []string{want, want + "_USR", want + "_PSW"}) {
			t.Errorf("the login %s: %q", key, got)
		}
	}
}

func TestSecretKeys(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]bool{
		"A": true, "db.pass-word_2": true, strings.Repeat("a", 100): true,
		"": false, "1a": false, "a b": false, "a=b": false, "ä": false, "a\n": false, strings.Repeat("a", 101): false, "_a": false,
	} {
		if got := IsSecretKey(key); got != want {
			t.Errorf("%q: %v", key, got)
		}
	}
}

func TestFormWithoutSecrets(t *testing.T) {
	t.Parallel()
	form := Form{Fields: []FormField{{Name: "user", Kind: FieldText}, {Name: "value", Kind: FieldSecret}}}
	values := map[string]string{"user": "scott", "value": "tiger", "other": "x"}
	got := form.WithoutSecrets(values)
	if len(got) != 2 || got["user"] != "scott" || got["other"] != "x" || values["value"] != "tiger" {
		t.Errorf("%v of %v", got, values)
	}
	if got := form.WithoutSecrets(nil); got != nil {
		t.Errorf("%v of nothing", got)
	}
}
