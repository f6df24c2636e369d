package bot

import (
	"fmt"
	"slices"
	"strings"
)

// Nearest returns the candidate closest to word, "" if none is close enough to be
// meant: a third of its length may differ, at least one letter and at most three,
// or it is how just one candidate starts.
func Nearest(word string, candidates []string) string {
	best, distance := "", min(max(len(word)/3, 1), 3)+1
	for _, c := range candidates {
		if d := edits(strings.ToLower(word), strings.ToLower(c)); d < distance {
			best, distance = c, d
		}
	}
	if best == "" && len(word) >= 3 {
		return onlyStart(word, candidates)
	}
	return best
}

// onlyStart returns the one candidate that starts with word, "" if there are none or
// several.
func onlyStart(word string, candidates []string) string {
	found := ""
	for _, c := range candidates {
		if len(c) < len(word) || !strings.EqualFold(c[:len(word)], word) {
			continue
		}
		if found != "" && found != c {
			return ""
		}
		found = c
	}
	return found
}

// edits is the Damerau-Levenshtein distance (adjacent letters swapped count once).
func edits(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 64 || len(y) > 64 {
		return 64
	}
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}

// shownChoices bounds how many names a refusal lists.
const shownChoices = 8

// Instead words what there is in the place of a name that is not there, and which
// one was meant where that can be told: "; there are: main, topic. Did you mean
// main?". have is listed in its order, the first few of it.
func Instead(name string, have []string) string {
	if len(have) == 0 {
		return "."
	}
	text := "; there are: "
	if len(have) == 1 {
		text = "; there is: "
	}
	text += strings.Join(have[:min(len(have), shownChoices)], ", ")
	if more := len(have) - shownChoices; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	text += "."
	if near := Nearest(name, have); near != "" && !slices.Equal(have, []string{near}) {
		text += fmt.Sprintf(" Did you mean %s?", near)
	}
	return text
}
