package main

import "io/fs"

func streamOf(fs.FileInfo) string { return "" }
