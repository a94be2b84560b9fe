//go:build unix && !linux

package integration

import "os/exec"

func startProcess(cmd *exec.Cmd) error { return cmd.Start() }
