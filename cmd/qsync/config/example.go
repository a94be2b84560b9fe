package config

import (
	"bytes"
	_ "embed"
)

//go:embed example.yaml
var example []byte

// Example returns a config.yaml that has every key, with a comment that says
// what it does. It holds the defaults: lines that begin with # and no space are
// settings that have none, or entries of folders, to be changed and taken in by
// deleting the #.
func Example() []byte { return bytes.Clone(example) }
