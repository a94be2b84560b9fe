package main

import "os"

// terminate has no better likeness here.
var terminate = os.Kill
