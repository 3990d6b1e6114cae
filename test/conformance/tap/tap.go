// Package tap stands in for the TAP package that the validation programs import and Debian does not have: it writes the
// Test Anything Protocol to standard output. Diagnostics are written as JSON, which is YAML too.
package tap

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// T is one stream of results. Writer may be replaced before Header is called.
type T struct {
	Writer io.Writer
	// Shared with the stream that Todo returns.
	count *int
	todo  bool
}

// New returns a stream to standard output.
func New() *T {
	return &T{Writer: os.Stdout, count: new(int)}
}

// Header begins the stream; a plan of 0 tests is left to AutoPlan.
func (t *T) Header(plan int) {
	fmt.Fprintln(t.Writer, "TAP version 13")
	if plan > 0 {
		fmt.Fprintf(t.Writer, "1..%d\n", plan)
	}
}

// AutoPlan ends a stream that began without a plan.
func (t *T) AutoPlan() {
	fmt.Fprintf(t.Writer, "1..%d\n", *t.count)
}

func (t *T) result(word, description string) {
	*t.count++
	if t.todo {
		description += " # TODO"
	}
	fmt.Fprintf(t.Writer, "%s %d %s\n", word, *t.count, strings.ReplaceAll(description, "\n", " "))
}

// Todo returns the same stream, whose failures are known and do not count.
func (t *T) Todo() *T {
	return &T{Writer: t.Writer, count: t.count, todo: true}
}

// Ok writes one result.
func (t *T) Ok(ok bool, description string) {
	if ok {
		t.Pass(description)
	} else {
		t.Fail(description)
	}
}

// Pass writes a result that is well.
func (t *T) Pass(description string) {
	t.result("ok", "- "+description)
}

// Fail writes a result that is not.
func (t *T) Fail(description string) {
	t.result("not ok", "- "+description)
}

// Skip writes count results of tests that were not made.
func (t *T) Skip(count int, reason string) {
	for i := 0; i < count; i++ {
		t.result("ok", "# SKIP "+reason)
	}
}

// Diagnostic writes a comment.
func (t *T) Diagnostic(message string) {
	for _, line := range strings.Split(message, "\n") {
		fmt.Fprintln(t.Writer, "#", line)
	}
}

// Diagnosticf writes a formatted comment.
func (t *T) Diagnosticf(format string, values ...interface{}) {
	t.Diagnostic(fmt.Sprintf(format, values...))
}

// YAML writes a block about the last result.
func (t *T) YAML(message interface{}) error {
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.Writer, "  ---\n  %s\n  ...\n", text)
	return nil
}
