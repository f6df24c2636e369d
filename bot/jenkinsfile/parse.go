package jenkinsfile

import "strings"

// Parse reads a Jenkinsfile. With errors the file is nil: they are all that
// Jenkins would report, in its order; or, if Jenkins would accept the file, all
// that OpsBot doesn't run, each Unsupported. An empty file is fine. Parse keeps
// no reference to src and may be called from many goroutines.
func Parse(src []byte) (*File, []*Error) {
	if len(src) > maxSource {
		return nil, []*Error{{Pos: Pos{1, 1}, Message: "the file is too large"}}
	}
	text := string(src)
	if strings.HasPrefix(text, "\uFEFF") {
		return nil, []*Error{{Pos: Pos{1, 1}, Message: "the file starts with a byte order mark, which Jenkins takes for a part of the first word"}}
	}
	body, err := parseSource(text)
	if err != nil {
		return nil, []*Error{err}
	}
	f := &File{Body: body, At: -1}
	b := &builder{}
	b.findPipeline(f)
	if len(b.errs) == 0 {
		b.supported(f)
	}
	if len(b.errs) > 0 {
		return nil, dropWeaker(b.errs)
	}
	return f, nil
}

// dropWeaker leaves out what only OpsBot refuses when Jenkins refuses too: its
// errors must stand alone to be compared.
func dropWeaker(errs []*Error) []*Error {
	var strong []*Error
	for _, e := range errs {
		if !e.Unsupported {
			strong = append(strong, e)
		}
	}
	if len(strong) > 0 {
		return strong
	}
	return errs
}

// findPipeline makes the model of the pipeline block at the top of the file.
func (b *builder) findPipeline(f *File) {
	for i, s := range f.Body {
		call := statementCall(s)
		if call == nil || !call.Named("pipeline") {
			continue
		}
		if call.Block() == nil {
			b.errorf(s.At(), "Expected a block with the pipeline step")
			continue
		}
		if f.Pipeline != nil {
			b.unsupported(s.At(), "a second pipeline block")
			continue
		}
		f.Pipeline, f.At = b.pipeline(call), i
		b.validate(f.Pipeline)
	}
	if f.Pipeline == nil {
		b.nestedPipeline(f.Body, false)
	}
}

// nestedPipeline refuses a pipeline block inside of other blocks.
func (b *builder) nestedPipeline(body []Stmt, nested bool) {
	for _, s := range body {
		call := statementCall(s)
		if call == nil || call.Block() == nil {
			continue
		}
		if nested && call.Named("pipeline") {
			b.errorf(s.At(), "pipeline block must be at the top-level, not within another block.")
			continue
		}
		b.nestedPipeline(call.Block().Body, true)
	}
}
