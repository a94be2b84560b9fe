package integration

import (
	"os/exec"
	"runtime"
	"syscall"
)

type starting struct {
	cmd *exec.Cmd
	err chan error
}

// starter starts all processes from one thread that never ends, because a
// process that is to die with its parent dies with the thread that started it.
var starter = func() chan starting {
	c := make(chan starting)
	go func() {
		runtime.LockOSThread()
		for s := range c {
			s.err <- s.cmd.Start()
		}
	}()
	return c
}()

// startProcess starts a process that does not outlive this one.
func startProcess(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s := starting{cmd, make(chan error, 1)}
	starter <- s
	return <-s.err
}
