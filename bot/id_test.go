package bot

import (
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestNewID(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	at := time.UnixMilli(0x0123456789ab)
	if id := NewID(at); !form.MatchString(id) || !strings.HasPrefix(id, "01234567-89ab-7") {
		t.Errorf("%s is no version 7 of that moment", id)
	}
	last := ""
	for i := range 1000 {
		id := NewID(at.Add(time.Duration(i) * time.Millisecond))
		if id <= last {
			t.Fatalf("%s comes after %s", id, last)
		}
		last = id
	}
	if id := NewID(time.Time{}); !strings.HasPrefix(id, "00000000-0000-7") {
		t.Errorf("before 1970: %s", id)
	}
}

func TestIDsAndTokensAreUnique(t *testing.T) {
	t.Parallel()
	const workers, each = 8, 2000
	now := time.Now()
	made := make(chan string, workers*each*2)
	var busy sync.WaitGroup
	for range workers {
		busy.Go(func() {
			for range each {
				made <- NewID(now)
				made <- NewToken()
			}
		})
	}
	busy.Wait()
	close(made)
	seen := map[string]bool{}
	for id := range made {
		if seen[id] {
			t.Fatalf("%s is there twice", id)
		}
		seen[id] = true
	}
}

// TestTokenAlphabet also looks for a bias: no character may be rare or frequent.
func TestTokenAlphabet(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[A-Za-z0-9]{22}$`)
	count := map[rune]int{}
	const n = 20000
	for range n {
		token := NewToken()
		if !form.MatchString(token) {
			t.Fatalf("%q", token)
		}
		for _, r := range token {
			count[r]++
		}
	}
	mean := n * 22 / 62 // 7097, standard deviation 84
	for r, c := range count {
		if c < mean-700 || c > mean+700 {
			t.Errorf("%c is there %d times, the mean is %d", r, c, mean)
		}
	}
	if len(count) != 62 {
		t.Errorf("%d characters are used", len(count))
	}
}
