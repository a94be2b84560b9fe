//go:build darwin || freebsd

package main

import "golang.org/x/sys/unix"

func sysctl(name string) string {
	value, err := unix.Sysctl(name)
	if err != nil {
		return ""
	}
	return value
}
