package kill_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// undisturbed is a run that nobody disturbed.
type undisturbed struct {
	world  world
	points []point
	took   time.Duration
}

// point is a moment to kill at: the nth announcement of a label.
type point struct {
	label string
	nth   int
}

func (p point) String() string { return fmt.Sprintf("%s#%d", p.label, p.nth) }

// watch plays undisturbed and lists every announced moment: the first of each
// label, and of those that come often one in the middle and the last but one.
func watch(t *testing.T, sc scene, store string) undisturbed {
	t.Helper()
	began := time.Now()
	var order []string
	count := map[string]int{}
	r := newTrial(t, sc, store, built.real)
	w := r.world(t, func(_ *process, label string) {
		if count[label]++; count[label] == 1 {
			order = append(order, label)
		}
	})
	u := undisturbed{took: time.Since(began), world: w}
	for _, label := range order {
		u.points = append(u.points, point{label, 1})
	}
	for _, label := range order {
		if n := count[label]; n >= 6 {
			u.points = append(u.points, point{label, n / 2})
		}
	}
	return u
}

// killer ends the program at the moments that are left, one per life.
type killer struct {
	mu    sync.Mutex
	left  []point
	hit   []point
	count map[string]int
	group bool
}

func (k *killer) at(p *process, label string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.count[label]++
	for i, one := range k.left {
		if one.label == label && k.count[label] >= one.nth {
			k.left = slices.Delete(k.left, i, i+1)
			k.hit = append(k.hit, one)
			p.kill(k.group)
			return
		}
	}
}

// TestKilledAtEveryBoundary kills at every moment around every commit and effect.
// Several kills share a run, far apart; the long variant gives each its own.
func TestKilledAtEveryBoundary(t *testing.T) {
	t.Parallel()
	everyBoundary(t, embedded(), embedded(), stores...)
}

// everyBoundary plays the calm scene undisturbed, and the other one with kills, on each
// of the stores; what is left must be the same.
func everyBoundary(t *testing.T, calmly, sc scene, on ...string) {
	t.Helper()
	perRun := 12
	if soak() {
		perRun = 1
	}
	for i, store := range on {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			calm := watch(t, calmly, store)
			t.Logf("%d moments in %s", len(calm.points), calm.took)
			for _, group := range []bool{false, true} {
				points := calm.points
				if !soak() && len(on) > 1 { // each moment once per store, and both ways over the two stores
					points = everySecond(points, group == (i == 0))
				}
				chains := (len(points) + perRun - 1) / perRun
				for c := range chains {
					var mine []point
					for j := c; j < len(points); j += chains {
						mine = append(mine, points[j])
					}
					t.Run(fmt.Sprintf("group=%v/%d", group, c), func(t *testing.T) {
						t.Parallel()
						kills(t, sc, store, calm, mine, group)
					})
				}
			}
		})
	}
}

func everySecond(points []point, odd bool) []point {
	var out []point
	for i, p := range points {
		if (i%2 == 1) == odd {
			out = append(out, p)
		}
	}
	return out
}

// kills plays with the given kills and compares.
func kills(t *testing.T, sc scene, store string, calm undisturbed, points []point, group bool) {
	t.Helper()
	turn(t)
	k := &killer{left: slices.Clone(points), count: map[string]int{}, group: group}
	defer func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if t.Failed() {
			t.Logf("killed at %v", k.hit)
		}
	}()
	r := newTrial(t, sc, store, built.real)
	got := r.world(t, k.at)
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, d := range differences(calm.world, got) {
		t.Error(d)
	}
	if len(k.left) > 0 {
		// A kill before may leave less to do: the ones alone are in the long variant.
		t.Logf("not reached: %v", k.left)
	}
	if len(k.hit) == 0 {
		t.Errorf("none of %v was reached", points)
	}
}

// TestKilledAtRandomMoments kills at moments that nothing announces.
func TestKilledAtRandomMoments(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	if v := os.Getenv("OPSBOT_TEST_SEED"); v != "" {
		seed, _ = strconv.ParseUint(v, 10, 64)
	}
	t.Logf("OPSBOT_TEST_SEED=%d", seed)
	moments := 10
	if soak() {
		moments = 100
	}
	random := rand.New(rand.NewPCG(seed, 0))
	for i, store := range stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			calm := watch(t, embedded(), store)
			for n := range moments {
				share, group := random.Float64(), n%2 == 0
				if n%2 != i && !soak() {
					continue // half of them on each store
				}
				t.Run(fmt.Sprintf("%d", n), func(t *testing.T) {
					t.Parallel()
					turn(t)
					killAfter(t, embedded(), store, calm, time.Duration(share*float64(calm.took)), group)
				})
			}
		})
	}
}

func killAfter(t *testing.T, sc scene, store string, calm undisturbed, after time.Duration, group bool) {
	t.Helper()
	var once sync.Once
	timer := make(chan *time.Timer, 1)
	r := newTrial(t, sc, store, built.real)
	p, err := r.play(t, func(p *process, _ string) {
		once.Do(func() { timer <- time.AfterFunc(after, func() { p.kill(group) }) })
	})
	if err != nil {
		t.Fatal(err)
	}
	if !(<-timer).Stop() && p.killed.Load() { // at the very end: what was reached must stay
		<-p.gone
		if p, err = r.play(t, func(*process, string) {}); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range differences(calm.world, r.look(t, p)) {
		t.Errorf("killed after %s (group=%v): %s", after, group, d)
	}
}

func soak() bool { return os.Getenv("OPSBOT_SOAK") == "1" }

var turns = make(chan struct{}, 4)

// turn waits until a run may begin.
func turn(t *testing.T) {
	t.Helper()
	turns <- struct{}{}
	t.Cleanup(func() { <-turns })
}

// TestNoticesALostWrite proves that the comparison has teeth: without the write
// that queues an interrupted build again, the program does as well as ever, until
// it is killed during a build.
func TestNoticesALostWrite(t *testing.T) {
	t.Parallel()
	calm := watch(t, embedded(), "sqlite")
	lossy := func(at func(*process, string)) (world, error) {
		r := newTrial(t, embedded(), "sqlite", built.faulty)
		r.env, r.patience = []string{dropVar + "=localci/resume"}, 4*calm.took
		p, err := r.play(t, at)
		if err != nil {
			return nil, err
		}
		return r.look(t, p), nil
	}
	got, err := lossy(func(*process, string) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range differences(calm.world, got) {
		t.Errorf("undisturbed, the loss shows already: %s", d)
	}
	k := &killer{left: []point{{"localci/progress/committed", 1}}, count: map[string]int{}}
	got, err = lossy(k.at)
	if len(k.hit) == 0 {
		t.Fatalf("it was never killed: %v", err)
	}
	if err == nil && len(differences(calm.world, got)) == 0 {
		t.Errorf("killed at %v without a write that matters: nothing was noticed", k.hit)
	}
	t.Logf("noticed: %v %v", err, differences(calm.world, got))
}
