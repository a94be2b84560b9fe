package disk

// MaxOpen returns how many files this process may have open at a time; Windows
// sets no limit of its own.
func MaxOpen() int64 { return 1 << 20 }
