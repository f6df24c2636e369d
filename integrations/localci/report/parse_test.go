package report

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func one(t *testing.T, text string) Case {
	t.Helper()
	suites, err := parse("r.xml", []byte(text))
	if err != nil || len(suites) != 1 || len(suites[0].Cases) != 1 {
		t.Fatalf("parse(%q) = %+v, %v; want one case", text, suites, err)
	}
	return suites[0].Cases[0]
}

func TestWellFormedness(t *testing.T) {
	t.Parallel()
	const tc = `<testcase classname="c" name="n"/>`
	tests := []struct {
		name, text string
		ok         bool
	}{
		{"declaration", `<?xml version="1.0"?><testsuite>` + tc + `</testsuite>`, true},
		{"comment and white space around", "\n<!-- a -->\n<testsuite>" + tc + "</testsuite>\n<!-- b -->\n", true},
		{"byte order mark", "\xef\xbb\xbf<testsuite>" + tc + "</testsuite>", true},
		{"name space", `<j:testsuite xmlns:j="urn:j" j:a="1" a="2">` + tc + `</j:testsuite>`, true},
		{"CDATA", "<testsuite><![CDATA[ <x> ]]>" + tc + "</testsuite>", true},
		{"white space before declaration", ` <?xml version="1.0"?><testsuite>` + tc + `</testsuite>`, false},
		{"two roots", "<testsuite>" + tc + "</testsuite><testsuite>" + tc + "</testsuite>", false},
		{"text after root", "<testsuite>" + tc + "</testsuite>x", false},
		{"text only", "hello", false},
		{"nothing but white space", "  \n", false},
		{"not ended", "<testsuite>" + tc, false},
		{"crossed", "<testsuite><a><b></a></b>" + tc + "</testsuite>", false},
		{"attribute twice", `<testsuite a="1" a="2">` + tc + "</testsuite>", false},
		{"attribute bare", `<testsuite a=1>` + tc + "</testsuite>", false},
		{"unbound prefix", "<j:testsuite>" + tc + "</j:testsuite>", false},
		{"unknown entity", "<testsuite>&nope;" + tc + "</testsuite>", false},
		{"control character", "<testsuite>\x01" + tc + "</testsuite>", false},
		{"invalid UTF-8", "<testsuite>\xff" + tc + "</testsuite>", false},
		{"unknown encoding", `<?xml version="1.0" encoding="klingon"?><testsuite>` + tc + "</testsuite>", false},
		{"late document type", "<testsuite>" + tc + "</testsuite><!DOCTYPE testsuite>", false},
		{"deep", strings.Repeat("<a>", 300) + tc + strings.Repeat("</a>", 300), false},
	}
	for _, tt := range tests {
		suites, err := parse("r.xml", []byte(tt.text))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := len(suites) == 1 && suites[0].Cases[0].Name == "n"; got != tt.ok {
			t.Errorf("%s: well-formed %v, want %v: %+v", tt.name, got, tt.ok, suites)
		}
	}
}

func TestEncodings(t *testing.T) {
	t.Parallel()
	utf16 := []byte("\xff\xfe")
	for _, r := range `<?xml version="1.0" encoding="UTF-16"?><testsuite><testcase classname="c" name="größe"/></testsuite>` {
		utf16 = append(utf16, byte(r), byte(r>>8))
	}
	latin := "<?xml version='1.0' encoding='ISO-8859-1'?><testsuite><testcase classname='c' name='gr\xf6\xdfe'/></testsuite>"
	for name, text := range map[string]string{"UTF-16": string(utf16), "ISO-8859-1": latin} {
		if got := one(t, text).Name; got != "größe" {
			t.Errorf("%s: name %q", name, got)
		}
	}
}

func TestEntities(t *testing.T) {
	t.Parallel()
	doc := func(declarations string) string {
		return `<!DOCTYPE testsuite [` + declarations + `]><testsuite><testcase classname="c" name="n"><failure>[&e;]</failure></testcase></testsuite>`
	}
	tests := []struct{ name, declarations, trace string }{
		{"internal", `<!ENTITY e "text">`, "[text]"},
		{"nested", `<!ENTITY a "x&#65;"><!ENTITY e '&a;&a;'>`, "[xAxA]"},
		{"first counts", `<!ENTITY e "1"><!ENTITY e "2">`, "[1]"},
		{"external file is never read", `<!ENTITY e SYSTEM "file:///etc/passwd">`, "[]"},
		{"external address is never fetched", `<!ENTITY e PUBLIC "p" "http://127.0.0.1:1/x">`, "[]"},
	}
	for _, tt := range tests {
		if got := one(t, doc(tt.declarations)).Trace; got != tt.trace {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.trace)
		}
	}
	laughs := `<!ENTITY l0 "` + strings.Repeat("ha", 100) + `">`
	for i := 1; i < 10; i++ {
		laughs += `<!ENTITY l` + string(rune('0'+i)) + ` "` + strings.Repeat("&l"+string(rune('0'+i-1))+";", 10) + `">`
	}
	for name, declarations := range map[string]string{
		"laughs": laughs + `<!ENTITY e "&l9;">`, "circle": `<!ENTITY a "&e;"><!ENTITY e "&a;">`,
		"markup": `<!ENTITY e "<testcase/>">`, "escaped markup": `<!ENTITY e "&#60;testcase/>">`,
	} {
		if c := one(t, doc(declarations)); c.Name != "[failed-to-read]" {
			t.Errorf("%s: %+v", name, c)
		}
	}
	many := `<!DOCTYPE a [<!ENTITY e "` + strings.Repeat("x", 60000) + `">]><testsuite>` + strings.Repeat("&e;", 1000) + `</testsuite>`
	if c := one(t, many); !strings.Contains(c.Trace, errEntities.Error()) {
		t.Errorf("many references: %+v", c)
	}
}

func TestCases(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       Case
	}{
		{
			"error goes before failure",
			`<testsuite><testcase classname="c" name="n"><failure message="f">F</failure><error message="e">E</error></testcase></testsuite>`,
			Case{Class: "c", Name: "n", Status: Failed, Message: "e", Trace: "E"},
		},
		{
			"skipped goes before failure",
			`<testsuite><testcase classname="c" name="n"><failure/><skipped>why</skipped></testcase></testsuite>`,
			Case{Class: "c", Name: "n", Status: Skipped, Message: "why"},
		},
		{
			"class from the suite", `<testsuite name="s"><testcase name="a.b"/></testsuite>`,
			Case{Class: "s", Name: "a.b", Status: Passed},
		},
		{
			"class from the name", `<testsuite><testcase name="a.b.c"/></testsuite>`,
			Case{Class: "a.b", Name: "c", Status: Passed},
		},
		{
			"no name", `<testsuite name="s"><testcase classname="c"/></testsuite>`,
			Case{Class: "c", Name: "(?)", Status: Passed},
		},
		{
			"suite that did not load", `<testsuite name="s" time="2"><error message="m">T</error></testsuite>`,
			Case{Class: "<init>", Name: "s", Status: Failed, Message: "m", Trace: "T", Seconds: 2},
		},
		{
			"any root", `<report><testsuite name="s"><testcase name="n"/></testsuite></report>`,
			Case{Class: "s", Name: "n", Status: Passed},
		},
	}
	for _, tt := range tests {
		if got := one(t, tt.text); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
	if _, err := parse("r.xml", []byte(`<testsuite><testcase name="n"/></testsuite>`)); err == nil {
		t.Error("a test case without any class passed; Jenkins fails the step")
	}
}

func TestSuiteNames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`<testsuite name="a/b:c#d" package="p"><testcase name="n"/></testsuite>`: "p.a_b_c_d",
		`<testsuite><testcase classname="c" name="n"/></testsuite>`:              "(r.xml)",
	} {
		suites, err := parse("x/r.xml", []byte(text))
		if err != nil || suites[0].Name != want {
			t.Errorf("%s: %+v, %v; want %q", text, suites, err, want)
		}
	}
}

func TestSeconds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{
		"0.25": 0.25, "1,234.5": 1234.5, "12s": 12, "1.5 sec": 1.5, "": 0, "soon": 0, "NaN": 0, "Infinity": 0, "1e3": 1000,
	} {
		if got := seconds(&element{attrs: map[string]string{"time": text}}); got != want {
			t.Errorf("seconds(%q) = %v, want %v", text, got, want)
		}
	}
}

func TestMergeWithinAStep(t *testing.T) {
	t.Parallel()
	r := &Report{}
	r.add(Suite{Name: "s", Cases: []Case{{Name: "1"}}})
	r.add(Suite{Name: "s", Cases: []Case{{Name: "2"}}})
	r.add(Suite{Name: "i", id: "1", Cases: []Case{{Name: "3"}}})
	r.add(Suite{Name: "i", id: "2", Cases: []Case{{Name: "4"}}})
	if len(r.Suites) != 3 || len(r.Suites[0].Cases) != 2 {
		t.Errorf("suites %+v", r.Suites)
	}
	r.Merge(&Report{Suites: []Suite{{Name: "s"}}})
	if len(r.Suites) != 4 {
		t.Errorf("a suite of another step was mixed in: %+v", r.Suites)
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name          string
		before        []Case
		now, want     Status
		since, wanted int
	}{
		{"new, green", nil, Passed, Passed, 0, 0},
		{"new, red", nil, Failed, Failed, 0, 7},
		{"stays green", []Case{{Status: Fixed}}, Passed, Passed, 0, 0},
		{"turns red", []Case{{Status: Passed}}, Failed, Regression, 0, 7},
		{"stays red", []Case{{Status: Regression, FailedSince: 4}}, Failed, Failed, 0, 4},
		{"turns green", []Case{{Status: Failed, FailedSince: 4}}, Passed, Fixed, 0, 0},
		{"skipped, then green", []Case{{Status: Skipped}}, Passed, Fixed, 0, 0},
		{"skipped, then red", []Case{{Status: Skipped}}, Failed, Failed, 0, 7},
		{"now skipped", []Case{{Status: Failed}}, Skipped, Skipped, 0, 0},
		{"of two alike the last counts", []Case{{Status: Failed}, {Status: Passed}}, Failed, Regression, 0, 7},
	}
	for _, tt := range tests {
		previous := &Report{Suites: []Suite{{Name: "other", Cases: []Case{{Status: Failed}}}, {Name: "s", Cases: tt.before}}}
		now := &Report{Suites: []Suite{{Name: "s", Cases: []Case{{Status: tt.now}}}}}
		now.Compare(previous, 7)
		if c := now.Suites[0].Cases[0]; c.Status != tt.want || c.FailedSince != tt.wanted {
			t.Errorf("%s: %s since %d, want %s since %d", tt.name, c.Status, c.FailedSince, tt.want, tt.wanted)
		}
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	r := &Report{Suites: []Suite{{Cases: []Case{
		{Class: "a", Name: "1", Status: Failed}, {Class: "a", Name: "2", Status: Passed}, {Class: "a", Name: "3", Status: Regression},
	}}}}
	if got, want := r.Failures(5), []string{"a.1", "a.3"}; !reflect.DeepEqual(got, want) {
		t.Errorf("failures %q, want %q", got, want)
	}
	if got := r.Failures(1); len(got) != 1 {
		t.Errorf("failures %q, want one", got)
	}
}

// Whatever a build writes: totals add up, texts stay within bounds and valid, and
// the report survives being stored.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`<testsuite name="s"><testcase classname="c" name="n" time="1,0"><failure message="m">t</failure></testcase></testsuite>`))
	f.Add([]byte(`<!DOCTYPE a [<!ENTITY e "x">]><testsuites><testsuite><testcase name="a.b"><skipped/></testcase></testsuite></testsuites>`))
	f.Add([]byte("\xff\xfe<\x00a\x00/\x00>\x00"))
	f.Add([]byte(``))
	f.Fuzz(func(t *testing.T, data []byte) {
		suites, err := parse("f.xml", data)
		if err != nil {
			return
		}
		r := &Report{}
		for _, s := range suites {
			r.add(s)
		}
		if sum := r.Totals(); sum.Total != sum.Passed+sum.Failed+sum.Skipped {
			t.Errorf("totals %+v don't add up", sum)
		}
		for _, s := range r.Suites {
			for _, c := range s.Cases {
				if len(c.Trace) > maxText+1024 || len(c.Message) > 9<<10 || !utf8.ValidString(c.Trace+c.Message+c.Name+c.Class) {
					t.Errorf("unbounded or invalid text in %+v", c)
				}
			}
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var back Report
		if err := json.Unmarshal(text, &back); err != nil || back.Totals() != r.Totals() {
			t.Errorf("stored and read back: %+v, %v", back.Totals(), err)
		}
	})
}
