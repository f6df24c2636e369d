package fileset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
)

// Sink keeps contents by their digest. Put reads r to its end; a content that
// is there already is not kept twice.
type Sink interface {
	Put(ctx context.Context, r io.Reader) (digest string, size int64, err error)
}

// Artifact is one archived file.
type Artifact struct {
	// Path is relative to the folder it was archived from, with slashes.
	Path string `json:"path"`
	// Digest names the content in the sink.
	Digest string `json:"digest"`
	// Size is in bytes.
	Size int64 `json:"size"`
}

// Archive puts the files that Find listed below dir into the sink. A file that
// has become something else meanwhile is passed over, as is one that may not be
// read. Going beyond limits.Bytes is ErrTooLarge; what the sink holds by then
// stays there unreferenced.
func Archive(ctx context.Context, root *os.Root, dir string, paths []string, sink Sink, limits Limits) ([]Artifact, error) {
	budget := limits.withDefaults().Bytes
	var kept []Artifact
	for _, name := range paths {
		artifact, err := archiveFile(ctx, root, dir, name, sink, budget)
		if errors.Is(err, errUnreadable) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("archive %q: %w", name, err)
		}
		budget -= artifact.Size
		kept = append(kept, artifact)
	}
	return kept, nil
}

// errUnreadable is about the file; the sink's errors are not.
var errUnreadable = errors.New("no readable file")

func archiveFile(ctx context.Context, root *os.Root, dir, name string, sink Sink, budget int64) (Artifact, error) {
	f, _, err := openRegular(ctx, root, path.Join(".", dir, name))
	if err != nil {
		return Artifact{}, err
	}
	defer f.Close()
	bounded := &boundedReader{r: f, left: budget}
	digest, size, err := sink.Put(ctx, bounded)
	if err != nil {
		return Artifact{}, err
	}
	return Artifact{Path: name, Digest: digest, Size: size}, nil
}

// boundedReader fails instead of ending early: a cut file must never look
// like a whole one.
type boundedReader struct {
	r    io.Reader
	left int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, ErrTooLarge
	}
	return n, err
}

// Merge lays newer artifacts over older ones: a path archived twice has the
// last content. The result is sorted by path.
func Merge(older, newer []Artifact) []Artifact {
	last := make(map[string]Artifact, len(older)+len(newer))
	for _, a := range slices.Concat(older, newer) {
		last[a.Path] = a
	}
	merged := make([]Artifact, 0, len(last))
	for _, a := range last {
		merged = append(merged, a)
	}
	slices.SortFunc(merged, func(a, b Artifact) int { return cmp.Compare(a.Path, b.Path) })
	return merged
}
