package forgetest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"opsbot/bot"
	"opsbot/test/conformance"
)

func absent(ctx context.Context, r Rig) error {
	_, err := r.find(ctx, "never-made", "op-1", bot.PresenceAbsent)
	return err
}

func oursAsMade(ctx context.Context, r Rig) error {
	made, err := r.repo(ctx, "Hello-World")
	if err != nil {
		return err
	}
	found, err := r.find(ctx, "Hello-World", "op-1", bot.PresenceOurs)
	if err != nil {
		return err
	}
	if found != made {
		return fmt.Errorf("found %+v, made %+v", found, made)
	}
	if made.ExternalID == "" || !strings.EqualFold(made.Owner, r.Owner) || made.Name != "Hello-World" || made.DefaultBranch != "main" {
		return fmt.Errorf("made %+v", made)
	}
	return errors.Join(plainURL("URL", made.URL), plainURL("CloneURL", made.CloneURL))
}

func ensureTwice(ctx context.Context, r Rig) error {
	first, err := r.repo(ctx, "twice")
	if err != nil {
		return err
	}
	if _, err := r.Forge.Push(ctx, r.request(first, "x")); err != nil {
		return fmt.Errorf("Push: %w", err)
	}
	second, err := r.repo(ctx, "twice")
	if err != nil {
		return fmt.Errorf("the second time: %w", err)
	}
	if first != second {
		return fmt.Errorf("first %+v, then %+v", first, second)
	}
	if reader, ok := r.Forge.(bot.CommitReader); ok {
		branches, err := reader.Branches(ctx, second)
		if err != nil || len(branches) != 1 {
			return fmt.Errorf("ensuring again changed what is in it: %v, %v", branches, say(err))
		}
	}
	return nil
}

func foreign(ctx context.Context, r Rig) error {
	made, err := r.repo(ctx, "taken")
	if err != nil {
		return err
	}
	found, err := r.find(ctx, "taken", "op-2", bot.PresenceForeign)
	if err != nil {
		return err
	}
	if found.ExternalID != made.ExternalID {
		return fmt.Errorf("found %+v, made %+v", found, made)
	}
	if _, err := r.Forge.EnsureRepository(ctx, r.spec("taken", "op-2")); err != nil {
		return conformance.WantCode("EnsureRepository by another operation", err, bot.CodeConflict)
	}
	return errors.New("another operation's repository is taken over")
}

func conflictSays(ctx context.Context, r Rig) error {
	made, err := r.repo(ctx, "taken")
	if err != nil {
		return err
	}
	_, err = r.Forge.EnsureRepository(ctx, r.spec("taken", "op-2"))
	text := bot.MessageOf(err)
	if !strings.Contains(text, made.Owner) || !strings.Contains(text, made.URL) {
		return fmt.Errorf("the message names not both of %s and %s: %q", made.Owner, made.URL, text)
	}
	return nil
}

func caseless(ctx context.Context, r Rig) error {
	if _, err := r.repo(ctx, "Mixed-Case"); err != nil {
		return err
	}
	if _, err := r.find(ctx, "mixed-case", "op-2", bot.PresenceForeign); err != nil {
		return err
	}
	_, err := r.Forge.EnsureRepository(ctx, r.spec("MIXED-CASE", "op-2"))
	return conformance.WantCode("EnsureRepository of a name that differs in case", err, bot.CodeConflict)
}

func hostileNames(ctx context.Context, r Rig) error {
	for _, name := range []string{"", ".", "..", "../up", "a/b", `a\b`, "a b", "-a", "a\x00b", "a\nb", strings.Repeat("a", 300)} {
		if repo, err := r.Forge.EnsureRepository(ctx, r.spec(name, "op-1")); err == nil {
			return fmt.Errorf("the name %q is accepted: %+v", name, repo)
		}
	}
	return nil
}

func raceOfOperations(ctx context.Context, r Rig) error {
	const n = 6
	errs := conformance.Together(n, func(i int) error {
		_, err := r.Forge.EnsureRepository(ctx, r.spec("race", fmt.Sprintf("op-%d", i)))
		return err
	})
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if code := bot.CodeOf(err); code != bot.CodeConflict && code != bot.CodeUnavailable {
			return fmt.Errorf("a loser gets %s: %w", code, err)
		}
	}
	if won != 1 {
		return fmt.Errorf("%d of %d operations made it", won, n)
	}
	return nil
}

func raceOfOne(ctx context.Context, r Rig) error {
	const n = 6
	ids := make([]string, n)
	errs := conformance.Together(n, func(i int) error {
		repo, err := r.Forge.EnsureRepository(ctx, r.spec("race", "op-1"))
		ids[i] = repo.ExternalID
		return err
	})
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, id := range ids {
		if id != ids[0] {
			return fmt.Errorf("several were made: %v", ids)
		}
	}
	return nil
}

func newIsEmpty(ctx context.Context, r Rig) error {
	repo, err := r.repo(ctx, "empty")
	if err != nil {
		return err
	}
	reader, ok := r.Forge.(bot.CommitReader)
	if !ok {
		return nil
	}
	branches, err := reader.Branches(ctx, repo)
	if err != nil || len(branches) != 0 {
		return fmt.Errorf("a new repository has branches %v, %v", branches, say(err))
	}
	return nil
}

func removal(ctx context.Context, r Rig) error {
	repo, _, err := r.pushed(ctx, "gone")
	if err != nil {
		return err
	}
	for range 2 {
		if err := r.Forge.RemoveRepository(ctx, repo); err != nil {
			return fmt.Errorf("RemoveRepository: %w", err)
		}
		if _, err := r.find(ctx, "gone", "op-1", bot.PresenceAbsent); err != nil {
			return err
		}
	}
	return nil
}

func removeOnlyOne(ctx context.Context, r Rig) error {
	one, _, err := r.pushed(ctx, "one")
	if err != nil {
		return err
	}
	if _, _, err := r.pushed(ctx, "one-more"); err != nil {
		return err
	}
	if err := r.Forge.RemoveRepository(ctx, one); err != nil {
		return fmt.Errorf("RemoveRepository: %w", err)
	}
	_, err = r.find(ctx, "one-more", "op-1", bot.PresenceOurs)
	return err
}

func freshID(ctx context.Context, r Rig) error {
	old, _, err := r.pushed(ctx, "phoenix")
	if err != nil {
		return err
	}
	if err := r.Forge.RemoveRepository(ctx, old); err != nil {
		return fmt.Errorf("RemoveRepository: %w", err)
	}
	anew, err := r.Forge.EnsureRepository(ctx, r.spec("phoenix", "op-2"))
	if err != nil {
		return fmt.Errorf("the name of a removed repository is not free: %w", err)
	}
	if anew.ExternalID == old.ExternalID {
		return fmt.Errorf("the id %s is given twice", anew.ExternalID)
	}
	if err := r.Forge.RemoveRepository(ctx, old); err != nil {
		return fmt.Errorf("RemoveRepository of the old one: %w", err)
	}
	_, err = r.find(ctx, "phoenix", "op-2", bot.PresenceOurs)
	return err
}

func archiving(ctx context.Context, r Rig) error {
	archiver, ok := r.Forge.(bot.Archiver)
	if !ok {
		return nil
	}
	repo, _, err := r.pushed(ctx, "old")
	if err != nil {
		return err
	}
	for range 2 {
		if err := archiver.ArchiveRepository(ctx, repo); err != nil {
			return fmt.Errorf("ArchiveRepository: %w", err)
		}
	}
	if _, err := r.find(ctx, "old", "op-1", bot.PresenceOurs); err != nil {
		return err
	}
	req := r.request(repo, "more")
	req.Branch = "another"
	if _, err := r.Forge.Push(ctx, req); err == nil {
		return errors.New("an archived repository takes a push")
	}
	return nil
}
