package main

import "os"

// What Windows has no likeness of.
var (
	terminate = os.Kill
	hangup    = os.Kill
)
