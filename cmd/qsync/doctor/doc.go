// Package doctor finds out why folders do not sync: each check looks at one
// thing and says in a sentence how it is and, where it is not right, what to type.
//
// A check is a function from facts to a [Finding], and knows nothing of where
// the facts come from: cmd/qsync asks the running nodes, the home and the network
// for them, and this package's other half (machine_*.go, traits_*.go) asks the
// system. Where a system does not tell, the fact is an error that wraps
// errors.ErrUnsupported, and the finding says so.
package doctor
