// Package fakes holds what the stand-ins for outside services share. Each is a strict
// server in a folder of its own: what no client should send is reported, and fails
// the test that it serves.
package fakes

// TB is what a stand-in needs of the test that it serves: a *testing.T is one, and so
// is a program that runs stand-ins for a person.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	// Fatalf does not return.
	Fatalf(format string, args ...any)
	// Cleanup has f called in the end, last come, first served.
	Cleanup(f func())
	// TempDir is a folder that is removed in the end.
	TempDir() string
}
