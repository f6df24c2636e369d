package delivery

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"

	"opsbot/bot"
)

// SpecPath is where a project says what is to be run.
const SpecPath = ".opsbot/project.yaml"

// specFile is the file as written, version 1.
type specFile struct {
	Version  int      `yaml:"version"`
	Artifact string   `yaml:"artifact"`
	Run      []string `yaml:"run,omitempty"`
	Static   string   `yaml:"static,omitempty"`
	PortEnv  string   `yaml:"port_env,omitempty"`
	Health   string   `yaml:"health,omitempty"`
}

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// maxSpec bounds the file: the YAML library takes half a minute for 60 KiB of open
// brackets, and half a second for as much as this.
const maxSpec = 8 << 10

// ParseSpec reads .opsbot/project.yaml strictly; every error is CodeInvalid with a
// sentence that names the field, and the line where YAML gives one.
func ParseSpec(data []byte) (bot.RunSpec, error) {
	if len(data) > maxSpec {
		return bot.RunSpec{}, bot.Errorf(bot.CodeTooLarge, "%s is larger than %d KiB", SpecPath, maxSpec>>10)
	}
	f, err := decodeSpec(data)
	if err != nil {
		return bot.RunSpec{}, err
	}
	if problem := f.check(); problem != "" {
		return bot.RunSpec{}, bot.Errorf(bot.CodeInvalid, "%s: %s", SpecPath, problem)
	}
	spec := bot.RunSpec{Artifact: f.Artifact, Run: f.Run, Static: f.Static, PortEnv: f.PortEnv, Health: f.Health}
	if spec.PortEnv == "" {
		spec.PortEnv = "PORT"
	}
	if spec.Health == "" {
		spec.Health = "/"
	}
	return spec, nil
}

// decodeSpec reads one document into f's fields, and nothing else.
func decodeSpec(data []byte) (f specFile, err error) {
	defer func() {
		if recover() != nil { // the YAML library does, on tags that don't fit
			err = bot.Errorf(bot.CodeInvalid, "%s is no YAML that can be read", SpecPath)
		}
	}()
	documents := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict())
	err = documents.Decode(&f)
	if errors.Is(err, io.EOF) {
		return f, bot.Errorf(bot.CodeInvalid, "%s is empty", SpecPath)
	}
	if err != nil {
		return f, bot.Errorf(bot.CodeInvalid, "%s: %s", SpecPath, firstLine(yaml.FormatError(err, false, false)))
	}
	if !errors.Is(documents.Decode(new(any)), io.EOF) {
		return f, bot.Errorf(bot.CodeInvalid, "%s: there is something behind its end (---)", SpecPath)
	}
	return f, nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.ReplaceAll(s, "\r", "\n"), "\n")
	return line
}

// check says what is wrong with the values, "" if nothing is.
func (f specFile) check() string {
	switch {
	case f.Version != 1:
		return fmt.Sprintf("version is %d; this OpsBot knows version 1", f.Version)
	case f.Artifact == "":
		return "artifact is missing: the name of the archived artifact to run"
	case !inside(f.Artifact):
		return fmt.Sprintf("artifact %q must be a relative path inside the workspace", f.Artifact)
	case len(f.Run) == 0 && f.Static == "":
		return "run or static is missing: what to start, or the folder to serve"
	case len(f.Run) > 0 && f.Static != "":
		return "run and static exclude each other"
	case f.Static != "" && !inside(f.Static):
		return fmt.Sprintf("static %q must be a folder inside the artifact", f.Static)
	case f.PortEnv != "" && !envName.MatchString(f.PortEnv):
		return fmt.Sprintf("port_env %q is not the name of a variable", f.PortEnv)
	case f.Health != "" && (!strings.HasPrefix(f.Health, "/") || strings.ContainsAny(f.Health, " \r\n\t#")):
		return fmt.Sprintf("health %q must be a path that starts with /", f.Health)
	}
	for i, arg := range f.Run {
		if strings.ContainsRune(arg, 0) || i == 0 && arg == "" {
			return "run has a word that can't be started"
		}
	}
	return ""
}

func inside(p string) bool {
	clean := path.Clean(p)
	return !path.IsAbs(p) && clean != ".." && !strings.HasPrefix(clean, "../") && !strings.ContainsAny(p, "\x00\\")
}
