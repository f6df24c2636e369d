package localgit

import (
	"os"
	"testing"
)

// TestEmptyTmpLeavesWhatIsBeingMade: a resumed operation makes its repository
// while the service starts to run.
func TestEmptyTmpLeavesWhatIsBeingMade(t *testing.T) {
	t.Parallel()
	w := setup(t)
	old := w.forge.path("tmp", "init-old", "new.git")
	if err := os.MkdirAll(old, 0o700); err != nil {
		t.Fatal(err)
	}
	w.restart()
	live := w.forge.path("tmp", "init-live", "new.git")
	if err := os.MkdirAll(live, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := w.forge.lookAtAll(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("the leftover is still there: %v", err)
	}
	if _, err := os.Stat(live); err != nil {
		t.Errorf("what is being made was removed: %v", err)
	}
}
