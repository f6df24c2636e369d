package localgit

import (
	"cmp"
	"slices"
	"time"
)

// refState is what was last delivered about a ref.
type refState struct {
	rev    int64
	Commit string `json:"commit"` // "" = it was deleted
	Seq    int64  `json:"seq"`
	// Pushes are noted pushes that this ref is past; kept while their notes are.
	Pushes []string `json:"pushes,omitempty"`
}

// planMoves works out what has to be delivered so that every ref that was at its
// delivered state is at its present one. Noted changes give the steps in between
// and who pushed; whatever they leave open is closed by one step more.
func planMoves(delivered map[string]refState, present map[string]string, noted []change, now time.Time) []move {
	names := map[string]bool{}
	byRef := map[string][]change{}
	for ref := range delivered {
		names[ref] = true
	}
	for ref := range present {
		names[ref] = true
	}
	for _, c := range noted {
		if visible(c.Ref) {
			names[c.Ref] = true
			byRef[c.Ref] = append(byRef[c.Ref], c)
		}
	}
	var moves []move
	for ref := range names {
		moves = append(moves, walk(ref, delivered[ref], present[ref], byRef[ref], now)...)
	}
	slices.SortFunc(moves, func(a, b move) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Ref, b.Ref), cmp.Compare(a.Seq, b.Seq))
	})
	return moves
}

func walk(ref string, from refState, to string, noted []change, now time.Time) []move {
	var moves []move
	at, seq, last := from.Commit, from.Seq, time.Time{}
	used := make([]bool, len(noted))
	take := func(m move) {
		seq++
		if m.At.IsZero() {
			m.At = now
		}
		if m.At.Before(last) {
			m.At = last // the order of a ref's steps is their own, not that of clocks
		}
		m.Ref, m.Before, m.Seq, last = ref, at, seq, m.At
		moves = append(moves, m)
		at = m.After
	}
	bridge := func(to string) { // a gap that no note tells about
		if at != to {
			who := whoWanted(noted, at, to)
			take(move{After: to, Pusher: who.Pusher, Push: who.Push, At: who.At})
		}
	}
	for i := next(noted, used, from.Pushes, at); i >= 0; i = next(noted, used, from.Pushes, at) {
		used[i] = true
		bridge(noted[i].Old)
		take(move{After: noted[i].New, Pusher: noted[i].Pusher, Push: noted[i].Push, At: noted[i].At})
	}
	bridge(to)
	return moves
}

// next finds the first change known to have happened that leads on from a commit, or
// else the first one at all: what came before it was not noted.
func next(noted []change, used []bool, past []string, at string) int {
	first := -1
	for i, c := range noted {
		if !c.Applied || used[i] || c.Old == c.New || slices.Contains(past, c.Push) {
			continue
		}
		if c.Old == at {
			return i
		}
		if first < 0 {
			first = i
		}
	}
	return first
}

// whoWanted finds the push that meant to bring a ref where it is now.
func whoWanted(noted []change, at, to string) change {
	var best change
	for _, c := range noted {
		if c.New == to && (best.Push == "" || c.Old == at) {
			best = c
		}
	}
	return best
}
