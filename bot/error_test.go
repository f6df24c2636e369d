package bot

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestErrorClasses(t *testing.T) {
	t.Parallel()
	cause := errors.New("dial tcp: secret.internal refused")
	base := Errorf(CodeUnavailable, "%s does not answer.", "GitHub")
	wrapped := fmt.Errorf("new-project: %w", base.Because(cause).Backoff())
	if CodeOf(wrapped) != CodeUnavailable || MessageOf(wrapped) != "GitHub does not answer." || !errors.Is(wrapped, cause) {
		t.Errorf("%v", wrapped)
	}
	if class, after := RetryOf(wrapped); class != RetryBackoff || after != 0 {
		t.Errorf("%v %v", class, after)
	}
	if class, after := RetryOf(base.Wait(time.Minute)); class != RetryAfter || after != time.Minute {
		t.Errorf("%v %v", class, after)
	}
	if class, _ := RetryOf(base); class != RetryNever || base.Err != nil || base.After != 0 {
		t.Errorf("the original was changed: %+v", base)
	}
	if text := wrapped.Error(); !strings.Contains(text, "GitHub does not answer.: dial tcp") || base.Error() != "GitHub does not answer." {
		t.Errorf("%s", text)
	}
}

func TestForeignErrors(t *testing.T) {
	t.Parallel()
	plain := errors.New("password=s3cret")
	if CodeOf(plain) != CodeInternal || CodeOf(nil) != "" || strings.Contains(MessageOf(plain), "s3cret") {
		t.Errorf("%s, %s", CodeOf(plain), MessageOf(plain))
	}
	if MessageOf(Errorf(CodeConflict, "").Because(plain)) != MessageOf(plain) {
		t.Error("an error without a sentence must not show its cause")
	}
	if class, _ := RetryOf(plain); class != RetryBackoff {
		t.Errorf("%v", class)
	}
	// The outermost one speaks.
	inner := Errorf(CodeNotFound, "inner")
	if outer := Errorf(CodeConflict, "outer").Because(inner); CodeOf(outer) != CodeConflict || MessageOf(outer) != "outer" {
		t.Errorf("%v", outer)
	}
}

func TestMessageIsPlainText(t *testing.T) {
	t.Parallel()
	err := Errorf(CodeInvalid, "%s is wrong in %s.", Escape("DRY_RUN\n<!all>"), "a_b")
	if got := MessageOf(err); got != "DRY_RUN <!all> is wrong in a_b." {
		t.Errorf("%q", got)
	}
}
