// Package e2e runs conversations with the real binary: the scripts in testdata
// are what people say, and what they are answered.
package e2e
