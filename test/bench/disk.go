package main

import (
	"fmt"
	"syscall"
)

// realDisk refuses file systems in memory: there a commit costs nothing, and every
// comparison with one would be wrong.
func realDisk(dir string) error {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return fmt.Errorf("look at the disk of %s: %w", dir, err)
	}
	return refuseMemory(dir, int64(fs.Type)) //nolint:unconvert // narrower on other machines
}

func refuseMemory(dir string, kind int64) error {
	const tmpfs, ramfs = 0x01021994, 0x858458f6
	if kind == tmpfs || kind&0xffffffff == ramfs {
		return fmt.Errorf("%s is in memory, not on a disk; name another folder with -dir", dir)
	}
	return nil
}
