// Package integration tests whole nodes: the real binary, built once a run,
// with real directories, sockets, signals and network namespaces.
//
// It also holds the rules of the house as tests (rules_test.go): which room may
// import which and why, one package comment a package, gofmt, and the rest of
// the last section of docs/design.md that a program can check.
//
// # What a test is made of
//
// A machine is a home of its own and, where a test asks for it, a network
// namespace. It runs commands to their end or starts nodes; a node tells the
// port it got in the ready line of --json. Everything is bounded in time, and a
// process dies with the test binary that started it. Trees are compared byte for byte, with
// kinds, permission bits, modification times to the nanosecond and the targets
// of symlinks; whoever must not have been touched is compared with inodes and
// change times too.
//
// The tests of nodes need a Unix, those between machines Linux and the right to
// make network namespaces (root). They fail where that is missing, and are not
// built on other systems.
//
// QSYNC_INTEGRATION=long makes trees larger and rounds more.
package integration
