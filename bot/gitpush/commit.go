package gitpush

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/memory"

	"opsbot/bot"
)

// trailer names the operation in a commit's message.
const trailer = "OpsBot-Operation: "

// commit is a built request: its hash and all of its objects.
type commit struct {
	name   string // "owner/name", escaped for messages
	branch string
	hash   plumbing.Hash
	store  *memory.Storage
	hashes []plumbing.Hash
}

func (c *commit) ref() plumbing.ReferenceName { return plumbing.NewBranchReferenceName(c.branch) }

func (p *Pusher) build(req bot.PushRequest) (*commit, error) {
	if err := CheckBranch(req.Branch); err != nil {
		return nil, err
	}
	if req.At.Unix() <= 0 {
		return nil, bot.Errorf(bot.CodeInvalid, "The commit for %s has no date.", name(req))
	}
	root, err := p.arrange(req)
	if err != nil {
		return nil, err
	}
	c := &commit{name: name(req), branch: req.Branch, store: memory.NewStorage()}
	tree, err := c.putFolder(root)
	if err != nil {
		return nil, fmt.Errorf("gitpush: build tree of %s: %w", c.name, err)
	}
	author := signature(req.Author, req.At)
	committer := author
	if p.opts.Committer != (bot.Signature{}) {
		committer = signature(p.opts.Committer, req.At)
	}
	made := &object.Commit{Author: author, Committer: committer, Message: message(req), TreeHash: tree}
	if c.hash, err = c.put(made.Encode); err != nil {
		return nil, fmt.Errorf("gitpush: build commit of %s: %w", c.name, err)
	}
	return c, nil
}

// folder is a tree in the making.
type folder struct {
	files   map[string]bot.TreeFile
	folders map[string]*folder
}

func newFolder() *folder {
	return &folder{files: map[string]bot.TreeFile{}, folders: map[string]*folder{}}
}

// arrange checks the files and hangs them into folders.
func (p *Pusher) arrange(req bot.PushRequest) (*folder, error) {
	files := req.Tree.Files
	if len(files) > p.opts.MaxFiles {
		return nil, bot.Errorf(bot.CodeTooLarge, "%s would get %d files; at most %d can be pushed at once.",
			name(req), len(files), p.opts.MaxFiles)
	}
	var size int64
	root := newFolder()
	for _, f := range files {
		if size += int64(len(f.Data)); size > p.opts.MaxBytes {
			return nil, bot.Errorf(bot.CodeTooLarge, "The files of %s are over the bound of %d bytes.", name(req), p.opts.MaxBytes)
		}
		if err := checkPath(f.Path); err != nil {
			return nil, err
		}
		if !root.add(strings.Split(f.Path, "/"), f) {
			return nil, bot.Errorf(bot.CodeInvalid, "The path %s is there twice.", bot.Escape(f.Path))
		}
	}
	return root, nil
}

// add reports whether there was room: a name is one file or one folder.
func (d *folder) add(parts []string, f bot.TreeFile) bool {
	head := parts[0]
	_, isFile := d.files[head]
	sub, isFolder := d.folders[head]
	switch {
	case isFile, isFolder && len(parts) == 1:
		return false
	case len(parts) == 1:
		d.files[head] = f
		return true
	case !isFolder:
		sub = newFolder()
		d.folders[head] = sub
	}
	return sub.add(parts[1:], f)
}

func (c *commit) putFolder(d *folder) (plumbing.Hash, error) {
	var tree object.Tree
	for name, f := range d.files {
		hash, err := c.putBlob(f.Data)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		mode := filemode.Regular
		if f.Executable {
			mode = filemode.Executable
		}
		tree.Entries = append(tree.Entries, object.TreeEntry{Name: name, Mode: mode, Hash: hash})
	}
	for name, sub := range d.folders {
		hash, err := c.putFolder(sub)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		tree.Entries = append(tree.Entries, object.TreeEntry{Name: name, Mode: filemode.Dir, Hash: hash})
	}
	sort.Sort(object.TreeEntrySorter(tree.Entries))
	return c.put(tree.Encode)
}

func (c *commit) putBlob(data []byte) (plumbing.Hash, error) {
	return c.put(func(o plumbing.EncodedObject) error {
		o.SetType(plumbing.BlobObject)
		w, err := o.Writer()
		if err != nil {
			return err
		}
		if _, err := w.Write(data); err != nil {
			return err
		}
		return w.Close()
	})
}

func (c *commit) put(encode func(plumbing.EncodedObject) error) (plumbing.Hash, error) {
	o := c.store.NewEncodedObject()
	if err := encode(o); err != nil {
		return plumbing.ZeroHash, err
	}
	hash := o.Hash()
	if _, known := c.store.Objects[hash]; known {
		return hash, nil // the same content under two names travels once
	}
	c.hashes = append(c.hashes, hash)
	return c.store.SetEncodedObject(o)
}

// pack gives all objects as one pack, and the pack's checksum. Objects are sorted,
// so that the same commit gives the same pack: a repeated push replaces the file of
// an interrupted one instead of adding another.
func (c *commit) pack() ([]byte, plumbing.Hash, error) {
	slices.SortFunc(c.hashes, func(a, b plumbing.Hash) int { return bytes.Compare(a[:], b[:]) })
	var buf bytes.Buffer
	sum, err := packfile.NewEncoder(&buf, c.store, false).Encode(c.hashes, 0)
	if err != nil {
		return nil, sum, fmt.Errorf("gitpush: pack %s: %w", c.name, err)
	}
	return buf.Bytes(), sum, nil
}

// message normalises the line ends and adds the trailer unless it is there.
func message(req bot.PushRequest) string {
	text := strings.ReplaceAll(req.Message, "\r\n", "\n")
	text = strings.TrimSpace(strings.ReplaceAll(text, "\x00", ""))
	if text == "" {
		text = "Initial commit"
	}
	line := trailer + req.Operation
	if req.Operation == "" || text == line || strings.HasSuffix(text, "\n"+line) {
		return text + "\n"
	}
	return text + "\n\n" + line + "\n"
}

// signature drops what git itself drops from names: it would break the commit's header.
func signature(s bot.Signature, at time.Time) object.Signature {
	clean := func(text, instead string) string {
		text = strings.Map(func(r rune) rune {
			if r < 0x20 || r == 0x7f || r == '<' || r == '>' {
				return -1
			}
			return r
		}, text)
		if text = strings.Trim(text, " .,:;\"\\'"); text == "" {
			return instead
		}
		return text
	}
	return object.Signature{Name: clean(s.Name, "OpsBot"), Email: clean(s.Email, "opsbot@localhost"), When: at.UTC()}
}
