package localgit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"opsbot/bot"
)

// minFree is the free space below which doctor warns: room for a few large pushes.
const minFree = 1 << 30

// Probe implements bot.Prober.
func (f *Forge) Probe(ctx context.Context) []bot.Finding {
	if f.git.path == "" {
		return []bot.Finding{{Subject: "git", Text: "The program git was not found; install it, version 2.32 or later."}}
	}
	return []bot.Finding{f.probeVersion(ctx), f.probeBackend(ctx), f.probeSpace(), f.probeHome(ctx)}
}

func (f *Forge) probeVersion(ctx context.Context) bot.Finding {
	out, err := f.git.run(ctx, f.env.Dir, 1024, "version")
	text := strings.TrimSpace(string(out))
	var major, minor int
	if err == nil {
		_, err = fmt.Sscanf(text, "git version %d.%d", &major, &minor)
	}
	// 2.32 brought GIT_CONFIG_GLOBAL, without which git would read the user's own file.
	if err != nil || major < 2 || major == 2 && minor < 32 {
		return bot.Finding{Subject: "git", Text: fmt.Sprintf("Version 2.32 or later is needed; this is %q.", text)}
	}
	return bot.Finding{OK: true, Subject: "git", Text: text}
}

func (f *Forge) probeBackend(ctx context.Context) bot.Finding {
	out, err := f.git.run(ctx, f.env.Dir, 4096, "--exec-path")
	backend := filepath.Join(strings.TrimSpace(string(out)), "git-http-backend")
	if err == nil {
		_, err = os.Stat(backend)
	}
	if err != nil {
		return bot.Finding{Subject: "git http-backend", Text: "It is missing; some systems have it in a package of its own (git-daemon, git-core)."}
	}
	return bot.Finding{OK: true, Subject: "git http-backend", Text: backend}
}

func (f *Forge) probeSpace() bot.Finding {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(f.env.Dir, &stat); err != nil {
		return bot.Finding{Subject: "disk space", Text: fmt.Sprintf("It cannot be read: %v", err)}
	}
	free := stat.Bavail * uint64(stat.Bsize)
	text := fmt.Sprintf("%.1f GiB are free for repositories", float64(free)/(1<<30))
	if free < minFree {
		return bot.Finding{Subject: "disk space", Text: text + "; make room, pushes will be refused soon."}
	}
	return bot.Finding{OK: true, Subject: "disk space", Text: text}
}

func (f *Forge) probeHome(ctx context.Context) bot.Finding {
	if err := f.atHome(ctx); err != nil {
		return bot.Finding{Subject: "repositories", Text: bot.MessageOf(err)}
	}
	repos, err := f.all(ctx)
	if err != nil {
		return bot.Finding{Subject: "repositories", Text: bot.MessageOf(err)}
	}
	gone := 0
	for _, r := range repos {
		if _, err := os.Stat(f.repoPath(r.ID)); err != nil {
			gone++
		}
	}
	if gone > 0 {
		return bot.Finding{Subject: "repositories", Text: fmt.Sprintf("%d of %d have no folder below %s; restore them from a backup.", gone, len(repos), f.path("repos"))}
	}
	return bot.Finding{OK: true, Subject: "repositories", Text: fmt.Sprintf("%d", len(repos))}
}
