//go:build !linux

package service

func monotonic() (us int64, ok bool) { return 0, false }
