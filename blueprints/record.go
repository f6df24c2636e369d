package blueprints

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
)

// RecordPath is where a project keeps the blueprint, its version and the
// answers that it was made with.
const RecordPath = ".opsbot/blueprint.yaml"

// Record is the content of RecordPath.
type Record struct {
	Blueprint string
	Version   string
	Answers   map[string]any // for Resolve
}

// record writes the Record of a rendering, in the order of the parameters.
func (b *Blueprint) record(answers Answers) []byte {
	var out strings.Builder
	out.WriteString("# What this project was made from; upgrades of the blueprint read it.\n")
	fmt.Fprintf(&out, "blueprint: %s\nversion: %s\nanswers:\n", scalar(b.Name()), scalar(b.Version()))
	for _, name := range b.parameterNames() {
		fmt.Fprintf(&out, "  %s: %s\n", name, scalar(answers[name]))
	}
	return []byte(out.String())
}

// scalar is toYAML for values that it always accepts: answers are texts, finite
// numbers and booleans.
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		s, err := toYAML(v)
		if err != nil {
			return `""`
		}
		return s
	default:
		return text(v)
	}
}

// ParseRecord reads the content of RecordPath, strictly. The error is a
// *Finding with its position.
func ParseRecord(data []byte) (Record, error) {
	body, err := parseYAML(RecordPath, data)
	if err != nil {
		return Record{}, inside(err, data)
	}
	var doc struct {
		Blueprint string         `yaml:"blueprint"`
		Version   string         `yaml:"version"`
		Answers   map[string]any `yaml:"answers"`
	}
	if err := yaml.NodeToValue(body, &doc, yaml.Strict()); err != nil {
		return Record{}, inside(yamlFinding(RecordPath, err), data)
	}
	if doc.Blueprint == "" || doc.Version == "" {
		return Record{}, findingf(RecordPath, 1, "blueprint and version are required")
	}
	return Record(doc), nil
}
