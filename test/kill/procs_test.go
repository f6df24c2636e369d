package kill_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// pids lists the process table.
func pids() []int {
	entries, _ := os.ReadDir("/proc")
	var out []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			out = append(out, pid)
		}
	}
	return out
}

func proc(pid int, file string) []byte {
	data, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), file)) // gone: nothing
	return data
}

// status gives state and parent of a process.
func status(pid int) (state string, parent int) {
	data := string(proc(pid, "stat"))
	fields := strings.Fields(data[strings.LastIndexByte(data, ')')+1:])
	if len(fields) < 2 {
		return "", 0
	}
	parent, _ = strconv.Atoi(fields[1])
	return fields[0], parent
}

func descendants(pid int) []int {
	children := map[int][]int{}
	for _, p := range pids() {
		_, parent := status(p)
		children[parent] = append(children[parent], p)
	}
	var out []int
	for queue := children[pid]; len(queue) > 0; queue = queue[1:] {
		out = append(out, queue[0])
		queue = append(queue, children[queue[0]]...)
	}
	return out
}

// belonging lists the living processes that have to do with a data folder: it is
// in their arguments, environment or mounts.
func belonging(data string) []int {
	needle := []byte(filepath.Base(filepath.Dir(data)))
	var out []int
	for _, pid := range pids() {
		if state, _ := status(pid); pid == os.Getpid() || state == "" || state == "Z" || state == "X" {
			continue
		}
		for _, file := range []string{"cmdline", "environ", "mountinfo"} {
			if bytes.Contains(proc(pid, file), needle) {
				out = append(out, pid)
				break
			}
		}
	}
	return out
}

// commands names processes by program and first arguments, in order.
func commands(list []int) []string {
	var out []string
	for _, pid := range list {
		args := strings.Split(string(proc(pid, "cmdline")), "\x00")
		name := filepath.Base(args[0])
		if name == "opsbot-faulty" {
			name = "opsbot"
		}
		if name == "opsbot" && len(args) > 1 {
			name += " " + args[1]
		}
		out = append(out, "process "+name)
	}
	slices.Sort(out)
	return out
}

// portrait describes a process for the person who wonders why it is there.
func portrait(pid int) string {
	state, parent := status(pid)
	line := strings.ReplaceAll(string(proc(pid, "cmdline")), "\x00", " ")
	return fmt.Sprintf("process %d, state %s, child of %d, waits in %s: %.200s ... %s",
		pid, state, parent, proc(pid, "wchan"), line, line[max(0, len(line)-100):])
}

// listening counts the TCP ports on which processes listen in our network.
func listening(list []int) string {
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		data, _ := os.ReadFile(table)
		for _, line := range strings.Split(string(data), "\n") {
			if f := strings.Fields(line); len(f) > 9 && f[3] == "0A" {
				sockets["socket:["+f[9]+"]"] = true
			}
		}
	}
	n := 0
	for _, pid := range list {
		fds, _ := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "fd", "*"))
		for _, fd := range fds {
			if target, _ := os.Readlink(fd); sockets[target] {
				n++
			}
		}
	}
	return fmt.Sprintf("ports listening: %d", n)
}
