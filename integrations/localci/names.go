package localci

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"opsbot/bot"
	"opsbot/integrations/localci/engine"
)

// checkName refuses full names that could not be shown or stored.
func checkName(name string) error {
	bad := name == "" || len(name) > 200 || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl)
	for part := range strings.SplitSeq(name, "/") {
		bad = bad || part == "" || part == "." || part == ".."
	}
	if bad {
		return bot.Errorf(bot.CodeInvalid, "%q cannot be the name of a job.", name)
	}
	return nil
}

// folderName gives the folder of a job or branch: readable, and never the same
// for two names, not even where case doesn't count.
func folderName(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-') {
			return unicode.ToLower(r)
		}
		return '_'
	}, name)
	if len(clean) > 40 {
		clean = clean[:40]
	}
	sum := sha256.Sum256([]byte(name))
	return clean + "-" + hex.EncodeToString(sum[:6])
}

func unescape(name string) string {
	plain, err := url.PathUnescape(name)
	if err != nil {
		return name
	}
	return plain
}

// baseURL is where the pages of the jobs lie; it ends in a slash, as Jenkins'
// own root does.
func (s *Service) baseURL() string { return s.env.ConsoleURL + "/ci/" + esc(s.env.Name) + "/" }

func (s *Service) jobURL(name string) string {
	return s.baseURL() + "job/" + strings.ReplaceAll(esc(name), "%2F", "/job/") + "/"
}

// buildURL has the branch as Jenkins has it: encoded for the name of its job, and
// that escaped for the URL.
func (s *Service) buildURL(ref bot.BuildRef) string {
	return fmt.Sprintf("%sjob/%s/%d/", s.jobURL(ref.Job), esc(engine.Encode(ref.Branch)), ref.Number)
}

func (s *Service) logPath(ref bot.BuildRef) string {
	return filepath.Join(s.env.Dir, "logs", folderName(ref.Job), folderName(ref.Branch), fmt.Sprintf("%d.log", ref.Number))
}
