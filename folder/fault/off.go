//go:build !failpoint

package fault

import "io"

// Point is a place at which a test may kill the program.
func Point(string) {}

// Call is asked before a call to the system, which is not made where the answer
// is an error.
func Call(string) error { return nil }

// File is [Call] for calls that package os makes, which hides EINTR.
func File(string) error { return nil }

// Reader is r, whose reads may fail or bring less than they could.
func Reader(r io.Reader) io.Reader { return r }
