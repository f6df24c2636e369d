package jenkinsfile_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"opsbot/bot/jenkinsfile"
)

// corpus is what a real Jenkins did with 191 Jenkinsfiles; the engine's tests run
// them, here they are read.
const corpus = "../../integrations/localci/engine/testdata/corpus"

type recorded struct {
	Rung   any
	Topic  string
	Expect struct {
		Refused bool
		Log     []string
	}
}

var reported = regexp.MustCompile(`^(.*) @ line (\d+), column (\d+)\.$`)

// places are the lines and columns of all errors in a console, in order.
func (r recorded) places() []string {
	var list []string
	for _, line := range r.Expect.Log {
		if m := reported.FindStringSubmatch(line); m != nil {
			list = append(list, m[2]+":"+m[3])
		}
	}
	return list
}

func loadCase(t *testing.T, dir string) (recorded, []byte) {
	t.Helper()
	var c recorded
	data, err := os.ReadFile(filepath.Join(dir, "case.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile(filepath.Join(dir, "Jenkinsfile"))
	if err != nil {
		t.Fatal(err)
	}
	return c, src
}

func caseDirs(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(corpus, "[0-9]*"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no corpus at %s: %v", corpus, err)
	}
	return dirs
}

// TestRefusals: what Jenkins refused is refused at the same places in the same
// order, and what it ran is not refused as wrong.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, dir := range caseDirs(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			c, src := loadCase(t, dir)
			_, errs := jenkinsfile.Parse(src)
			if !c.Expect.Refused {
				for _, e := range errs {
					if !e.Unsupported && c.Topic != "runtime" {
						t.Errorf("Jenkins runs it: %v", e)
					}
				}
				return
			}
			var got []string
			for _, e := range errs {
				got = append(got, e.Pos.String())
			}
			if want := c.places(); !slices.Equal(got, want) {
				t.Errorf("errors at %v, want %v: %v", got, want, errs)
			}
		})
	}
}
