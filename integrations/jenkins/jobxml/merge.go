package jobxml

import "slices"

// Merge puts what p says into the configuration that is there and leaves all else
// as it is: properties, further triggers, sources and traits of the admin, and
// whether the job is disabled. there is changed.
func (p Project) Merge(there *Node) error {
	text, err := p.Marshal()
	if err != nil {
		return err
	}
	want, err := Parse(text)
	if err != nil {
		return err
	}
	there.put(want.Child("description"))
	if p.DisplayName != "" {
		there.put(want.Child("displayName"))
	}
	there.fill(want.Child("orphanedItemStrategy"))
	there.fill(want.Child("factory"))
	triggers := there.ensure("triggers")
	if periodic := want.Child("triggers", periodicTrigger); periodic != nil {
		triggers.put(periodic)
	} else {
		triggers.drop(periodicTrigger)
	}
	there.mergeSource(want)
	return nil
}

const periodicTrigger = "com.cloudbees.hudson.plugins.folder.computed.PeriodicFolderTrigger"

// put replaces the child of that name, or adds it.
func (n *Node) put(c *Node) {
	at := slices.IndexFunc(n.Children, func(o *Node) bool { return o.Name == c.Name })
	if at < 0 {
		n.Children = append(n.Children, c)
		return
	}
	n.Children[at] = c
}

func (n *Node) drop(name string) {
	n.Children = slices.DeleteFunc(n.Children, func(c *Node) bool { return c.Name == name })
}

func (n *Node) ensure(name string) *Node {
	if c := n.Child(name); c != nil {
		return c
	}
	c := &Node{Name: name}
	n.Children = append(n.Children, c)
	return c
}

// fill puts the children of c into the child of c's name; one of another class
// is replaced.
func (n *Node) fill(c *Node) {
	old := n.Child(c.Name)
	if old == nil || old.Class() != c.Class() {
		n.put(c)
		return
	}
	for _, one := range c.Children {
		if one.Name != "owner" {
			old.put(one)
		}
	}
}

// mergeSource finds our source by its id, which must never change: with another
// one Jenkins would take every branch for new and build it again.
func (n *Node) mergeSource(want *Node) {
	branch := want.Child("sources", "data", "jenkins.branch.BranchSource")
	data := n.Child("sources", "data")
	if data == nil {
		n.put(want.Child("sources"))
		return
	}
	id := branch.Value("source", "id")
	at := slices.IndexFunc(data.Children, func(c *Node) bool { return c.Value("source", "id") == id })
	if at < 0 {
		data.Children = append([]*Node{branch}, data.Children...)
		return
	}
	old, source := data.Children[at].Child("source"), branch.Child("source")
	if old.Class() != source.Class() {
		data.Children[at].put(source)
		return
	}
	traits := source.Child("traits")
	for _, c := range source.Children {
		if c != traits {
			old.put(c)
		}
	}
	kept := old.ensure("traits")
	ours := discoveries()
	kept.Children = slices.DeleteFunc(kept.Children, func(c *Node) bool { return slices.Contains(ours, c.Name) })
	kept.Children = append(slices.Clone(traits.Children), kept.Children...)
}
