// Package engine runs a parsed Jenkinsfile the way Jenkins does: the same stages
// in the same states, the same order of post blocks, the same lines in the log.
//
// The engine interprets; what touches the world (a workspace, a process, the log,
// a chat) is the Host's. Like Jenkins' own interpreter it runs one branch at a
// time and lets go only while a step waits, so the interpreter's state needs no
// further locks.
package engine
