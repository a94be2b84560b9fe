package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// BusyError says that another process has the folder.
type BusyError struct {
	PID int    // 0 when it did not say
	Who string // as it was given to [Root.Lock]
}

// Error names the process.
func (e *BusyError) Error() string {
	return fmt.Sprintf("the folder is in use by process %d (%s)", e.PID, e.Who)
}

const (
	lockName = "lock"
	maxLock  = 1 << 10
)

var errLocked = errors.New("locked")

// Lock claims the folder for this process until Close or its end, however it
// ends, and leaves who for others to read. The error is a [*BusyError] when
// somebody else has it. A root open for reading only is not locked.
func (r *Root) Lock(who string) error {
	if r.readOnly {
		return nil
	}
	err := r.inWork(func(w *work) error { return r.takeLock(w.self, who) })
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}

func (r *Root) takeLock(d *dir, who string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lock != nil {
		return nil
	}
	for {
		f, i, err := openLock(d)
		if err != nil {
			return err
		}
		err = lockFile(f)
		if errors.Is(err, syscall.EBADF) && lockToRead { // NFS locks what can be written
			f.Close()
			if f, i, err = d.reopen(lockName); err != nil {
				return err
			}
			err = lockFile(f)
		}
		if err != nil {
			if errors.Is(err, errLocked) {
				err = busy(f)
			}
			f.Close()
			return err
		}
		// A lock on a file that was removed meanwhile would keep nobody out.
		if now, err := d.stat(lockName); err != nil || now.Inode != i.Inode {
			f.Close()
			continue
		}
		if err := signLock(d, f, strconv.Itoa(os.Getpid())+" "+who+"\n"); err != nil {
			f.Close()
			return err
		}
		r.lock = f
		return nil
	}
}

// signLock writes into the lock file who has it.
func signLock(d *dir, held *os.File, text string) error {
	f := held
	if lockToRead {
		var err error
		if f, _, err = d.reopen(lockName); err != nil {
			return err
		}
		defer f.Close()
	}
	_, err := f.WriteAt([]byte(text), 0)
	return errors.Join(err, f.Truncate(int64(len(text))))
}

// openLock opens the lock file, where the system can lock it so to read alone: a
// file that is open for writing all the time would keep its file system from being
// mounted read-only.
func openLock(d *dir) (*os.File, info, error) {
	f, err := d.create(lockName, 0o600)
	switch {
	case err != nil && !errors.Is(err, fs.ErrExist):
		return nil, info{}, err
	case err == nil && !lockToRead:
		i, err := statFile(f)
		return f, i, err
	case err == nil:
		f.Close()
	}
	if lockToRead {
		return d.open(lockName)
	}
	return d.reopen(lockName)
}

// busy reads from the lock file who has it.
func busy(f *os.File) error {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, maxLock))
	if err != nil {
		return &BusyError{}
	}
	pid, who, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	n, err := strconv.Atoi(pid)
	if err != nil {
		return &BusyError{}
	}
	return &BusyError{PID: n, Who: who}
}
