// Package bot holds OpsBot's nouns and ports: what the program talks about and
// what it needs from the outside, with no technology in sight. It imports the
// standard library alone; everything else imports it.
//
// Conventions that hold for every type here unless its comment says otherwise:
// times are UTC and kept to the microsecond; an empty string means "not known";
// identifiers named ID are UUIDv7 texts made by NewID; Instance is the name of a
// section below `integrations:` in the configuration; a URL is absolute and free
// of credentials. Texts that came from outside (commit titles, branches, names)
// are data: renderers escape them, nobody trusts them.
package bot
