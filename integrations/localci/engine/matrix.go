package engine

import (
	"errors"
	"slices"
	"strings"

	"opsbot/bot/jenkinsfile"
)

// maxCells bounds a matrix.
const maxCells = 256

// cell is one combination of a matrix' axes, in the axes' order.
type cell []string

// runMatrix runs the cells of a matrix side by side, each a stage of its own.
func (f frame) runMatrix(st *jenkinsfile.Stage) error {
	m := st.Matrix
	cells, err := f.cells(m)
	if err != nil {
		return err
	}
	branches := make([]branch, len(cells))
	for i, c := range cells {
		stage := *m.Cell
		stage.Name = st.Name + " - " + c.title(m.Axes)
		axes := map[string]string{}
		for n, a := range m.Axes {
			axes[a.Name] = c[n]
		}
		branches[i] = branch{name: stage.Name, run: func(f frame) error {
			f.env = f.env.with(axes)
			return f.runStage(&stage, nil)
		}}
	}
	return f.together(branches, st.FailFast || f.run.failFast)
}

func (c cell) title(axes []jenkinsfile.Axis) string {
	parts := make([]string, len(c))
	for i, v := range c {
		parts[i] = axes[i].Name + " = '" + v + "'"
	}
	return strings.Join(parts, ", ")
}

// cells lists the combinations that no exclude takes out; the first axis changes
// fastest.
func (f frame) cells(m *jenkinsfile.Matrix) ([]cell, error) {
	all := []cell{nil}
	for _, a := range m.Axes {
		values, err := f.axisValues(a)
		if err != nil {
			return nil, err
		}
		var next []cell
		for _, v := range values {
			for _, c := range all {
				next = append(next, append(slices.Clone(c), v))
			}
		}
		if all = next; len(all) > maxCells {
			return nil, abort("a matrix of more than %d cells", maxCells)
		}
	}
	var failed error
	kept := slices.DeleteFunc(all, func(c cell) bool {
		out, err := f.excluded(m, c)
		failed = errors.Join(failed, err)
		return out
	})
	return kept, failed
}

func (f frame) axisValues(a jenkinsfile.Axis) ([]string, error) {
	values := make([]string, len(a.Values))
	for i, x := range a.Values {
		v, err := f.eval(x)
		if err != nil {
			return nil, err
		}
		values[i] = toString(v)
	}
	return values, nil
}

// excluded: all axes of one exclude must fit.
func (f frame) excluded(m *jenkinsfile.Matrix, c cell) (bool, error) {
	for _, exclude := range m.Excludes {
		fits := len(exclude) > 0
		for _, a := range exclude {
			values, err := f.axisValues(a)
			if err != nil {
				return false, err
			}
			i := slices.IndexFunc(m.Axes, func(axis jenkinsfile.Axis) bool { return axis.Name == a.Name })
			fits = fits && i >= 0 && slices.Contains(values, c[i]) != a.Not
		}
		if fits {
			return true, nil
		}
	}
	return false, nil
}
