// Package fault is where tests make the program crash or a call to the system
// fail: only in a build with the tag failpoint. Without it every function here
// is empty and compiles to nothing.
//
// A build with the tag reads, once:
//
//	QSYNC_CRASH_AT=name:n        SIGKILL of itself at the n-th pass of that [Point]
//	QSYNC_FAIL_AT=[op@]n:errno   the n-th [Call] (of that op) fails: EIO, ENOSPC, EACCES, EROFS,
//	                             EINTR; SHORT: it is a read, and brings half of what it could;
//	                             SLOW: it takes half a second. Op "change" is all that write
//	QSYNC_FAIL_AT=[op@]n+:errno  and so does every later one
//	QSYNC_FAULT_LOG=file         a line for every pass and call, to know what there is to break
//
// QSYNC_FAIL_WHILE=file restricts failures to the time in which that file is
// there, and counts only then, so that a fault can begin, and end, while the
// program runs. QSYNC_FAIL_FROM=name counts from the first pass of that Point on.
package fault
