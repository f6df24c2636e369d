package localgit

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func chg(push, ref, from, to string, applied bool) change {
	return change{Push: push, Pusher: "by-" + push, Ref: "refs/heads/" + ref, Old: from, New: to, Applied: applied}
}

func steps(moves []move) string {
	var out []string
	for _, m := range moves {
		out = append(out, fmt.Sprintf("%s:%s>%s %s #%d", strings.TrimPrefix(m.Ref, "refs/heads/"), m.Before, m.After, m.Pusher, m.Seq))
	}
	return strings.Join(out, ", ")
}

func TestPlanMoves(t *testing.T) {
	t.Parallel()
	const m = "refs/heads/m"
	cases := map[string]struct {
		delivered map[string]refState
		present   map[string]string
		noted     []change
		want      string
	}{
		"nothing":         {map[string]refState{m: {Commit: "a", Seq: 3}}, map[string]string{m: "a"}, nil, ""},
		"new":             {nil, map[string]string{m: "a"}, nil, "m:>a  #1"},
		"deleted":         {map[string]refState{m: {Commit: "a", Seq: 3}}, nil, nil, "m:a>  #4"},
		"noted":           {nil, map[string]string{m: "b"}, []change{chg("1", "m", "", "a", true), chg("2", "m", "a", "b", true)}, "m:>a by-1 #1, m:a>b by-2 #2"},
		"out of order":    {nil, map[string]string{m: "b"}, []change{chg("2", "m", "a", "b", true), chg("1", "m", "", "a", true)}, "m:>a by-1 #1, m:a>b by-2 #2"},
		"there and back":  {map[string]refState{m: {Commit: "a"}}, map[string]string{m: "a"}, []change{chg("1", "m", "a", "b", true), chg("2", "m", "b", "a", true)}, "m:a>b by-1 #1, m:b>a by-2 #2"},
		"only intended":   {map[string]refState{m: {Commit: "a"}}, map[string]string{m: "b"}, []change{chg("1", "m", "a", "b", false)}, "m:a>b by-1 #1"},
		"refused":         {map[string]refState{m: {Commit: "a"}}, map[string]string{m: "a"}, []change{chg("1", "m", "a", "b", false)}, ""},
		"one of two won":  {map[string]refState{m: {Commit: "a"}}, map[string]string{m: "c"}, []change{chg("1", "m", "a", "b", false), chg("2", "m", "a", "c", true)}, "m:a>c by-2 #1"},
		"a note is lost":  {map[string]refState{m: {Commit: "a"}}, map[string]string{m: "c"}, []change{chg("2", "m", "b", "c", true)}, "m:a>b  #1, m:b>c by-2 #2"},
		"the last lost":   {map[string]refState{m: {Commit: "a"}}, map[string]string{m: "c"}, []change{chg("1", "m", "a", "b", true)}, "m:a>b by-1 #1, m:b>c  #2"},
		"told before":     {map[string]refState{m: {Commit: "b", Seq: 1, Pushes: []string{"1"}}}, map[string]string{m: "a"}, []change{chg("1", "m", "a", "b", true), chg("2", "m", "b", "a", true)}, "m:b>a by-2 #2"},
		"not of interest": {nil, nil, []change{{Push: "1", Ref: "refs/notes/x", New: "a", Applied: true}, {Push: "1", Ref: "refs/heads/\xff", New: "a", Applied: true}}, ""},
	}
	for name, c := range cases {
		if got := steps(planMoves(c.delivered, c.present, c.noted, time.Unix(9, 0))); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestPlanMovesAlwaysArrives: whatever was noted, the moves of a ref hang together,
// lead from what was delivered to what is, and say each step that surely happened.
func TestPlanMovesAlwaysArrives(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	commits := []string{"", "a", "b", "c"}
	for range 5000 {
		from := refState{Commit: commits[r.IntN(4)], Seq: r.Int64N(5)}
		at := from.Commit
		var noted []change
		for i := range r.IntN(6) { // a true history, its notes lost here and there
			to := commits[r.IntN(4)]
			if to == at {
				continue
			}
			if r.IntN(4) > 0 {
				noted = append(noted, chg(fmt.Sprint(i), "m", at, to, r.IntN(3) > 0))
			}
			if r.IntN(5) > 0 {
				at = to
			} else if n := len(noted); n > 0 && noted[n-1].New == to && noted[n-1].Old == at {
				noted[n-1].Applied = false // it was refused
			}
		}
		moves := planMoves(map[string]refState{"refs/heads/m": from}, map[string]string{"refs/heads/m": at}, noted, time.Unix(9, 0))
		pos, seq := from.Commit, from.Seq
		for _, m := range moves {
			if m.Before != pos || m.Seq != seq+1 || m.Before == m.After {
				t.Fatalf("from %q, notes %+v: broken chain %s", from.Commit, noted, steps(moves))
			}
			pos, seq = m.After, m.Seq
		}
		if pos != at {
			t.Fatalf("from %q, notes %+v: ends at %q, the ref is at %q", from.Commit, noted, pos, at)
		}
		for _, c := range noted {
			if c.Applied && !strings.Contains(steps(moves), c.Old+">"+c.New+" by-"+c.Push) {
				t.Fatalf("from %q, notes %+v: %+v is not told in %s", from.Commit, noted, c, steps(moves))
			}
		}
	}
}
