// Package jenkinsfile reads Jenkinsfiles as Jenkins does: the Groovy they are
// written in, the declarative model inside it, and the same refusals at the same
// line and column.
//
// Parse never runs anything and never panics; input and nesting are bounded. A
// file that Jenkins accepts but OpsBot doesn't run is refused here too, with the
// words "runs on Jenkins only".
package jenkinsfile
