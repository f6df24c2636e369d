package jobxml

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Bounds on what is read: a config.xml has a few kilobytes and a dozen levels.
const (
	maxBytes = 4 << 20
	maxDepth = 100
)

// Node is an element of any config.xml, for reading what others wrote.
type Node struct {
	Name     string
	Attr     []xml.Attr
	Text     string // without the blanks around it, if there are children
	Children []*Node
}

var errXML = errors.New("jenkins: the config.xml cannot be read")

// Parse reads a config.xml. Jenkins writes XML 1.1, which encoding/xml refuses: the
// prolog is left out.
func Parse(text string) (*Node, error) {
	if len(text) > maxBytes {
		return nil, fmt.Errorf("%w: it has over %d bytes", errXML, maxBytes)
	}
	text = strings.TrimLeft(text, "\ufeff \t\r\n")
	if strings.HasPrefix(text, "<?xml") {
		_, rest, ok := strings.Cut(text, "?>")
		if !ok {
			return nil, fmt.Errorf("%w: its prolog does not end", errXML)
		}
		text = rest
	}
	return build(xml.NewDecoder(strings.NewReader(text)))
}

func build(d *xml.Decoder) (*Node, error) {
	top := &Node{}
	stack := []*Node{top}
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errXML, err)
		}
		at := stack[len(stack)-1]
		switch token := token.(type) {
		case xml.StartElement:
			if len(stack) > maxDepth {
				return nil, fmt.Errorf("%w: it is nested over %d levels", errXML, maxDepth)
			}
			n := &Node{Name: name(token.Name), Attr: slices.Clone(token.Attr)}
			at.Children = append(at.Children, n)
			stack = append(stack, n)
		case xml.EndElement:
			if len(stack) == 1 || at.Name != name(token.Name) {
				return nil, fmt.Errorf("%w: </%s> ends nothing", errXML, name(token.Name))
			}
			at.tidy()
			stack = stack[:len(stack)-1]
		case xml.CharData:
			at.Text += string(token)
		case xml.Directive:
			return nil, fmt.Errorf("%w: it has a document type", errXML)
		}
	}
	if len(stack) != 1 || len(top.Children) != 1 || strings.TrimSpace(top.Text) != "" {
		return nil, fmt.Errorf("%w: it has not one root", errXML)
	}
	return top.Children[0], nil
}

// name puts a prefix back that RawToken has cut off.
func name(n xml.Name) string {
	if n.Space != "" {
		return n.Space + ":" + n.Local
	}
	return n.Local
}

// tidy drops the blanks between elements.
func (n *Node) tidy() {
	if len(n.Children) > 0 {
		n.Text = strings.TrimSpace(n.Text)
	}
}

// Child gives the first child of that name, going down along path; nil if none.
func (n *Node) Child(path ...string) *Node {
	for _, name := range path {
		if n == nil {
			return nil
		}
		at := slices.IndexFunc(n.Children, func(c *Node) bool { return c.Name == name })
		if at < 0 {
			return nil
		}
		n = n.Children[at]
	}
	return n
}

// Value is the text of the child at path, "" if there is none.
func (n *Node) Value(path ...string) string {
	if c := n.Child(path...); c != nil {
		return c.Text
	}
	return ""
}

// Class is the attribute that names the Java class.
func (n *Node) Class() string {
	for _, a := range n.Attr {
		if name(a.Name) == "class" {
			return a.Value
		}
	}
	return ""
}

// Marshal writes the whole config.xml.
func (n *Node) Marshal() (string, error) {
	var out strings.Builder
	out.WriteString(prolog)
	e := xml.NewEncoder(&out)
	if err := n.write(e, 0); err != nil {
		return "", fmt.Errorf("jenkins: marshal config.xml: %w", err)
	}
	if err := e.Flush(); err != nil {
		return "", fmt.Errorf("jenkins: marshal config.xml: %w", err)
	}
	return out.String() + "\n", nil
}

func (n *Node) write(e *xml.Encoder, depth int) error {
	start := xml.StartElement{Name: xml.Name{Local: n.Name}}
	for _, a := range n.Attr {
		start.Attr = append(start.Attr, xml.Attr{Name: xml.Name{Local: name(a.Name)}, Value: a.Value})
	}
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	if n.Text != "" {
		if err := e.EncodeToken(xml.CharData(n.Text)); err != nil {
			return err
		}
	}
	for _, c := range n.Children {
		if err := indent(e, depth+1); err != nil {
			return err
		}
		if err := c.write(e, depth+1); err != nil {
			return err
		}
	}
	if len(n.Children) > 0 {
		if err := indent(e, depth); err != nil {
			return err
		}
	}
	return e.EncodeToken(start.End())
}

func indent(e *xml.Encoder, depth int) error {
	return e.EncodeToken(xml.CharData("\n" + strings.Repeat("  ", depth)))
}
