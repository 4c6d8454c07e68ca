package ctl

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"portal-invites/internal/app"
)

// A shell completes commands, the flags of the command that was typed, and the values that a flag may have.
func TestAShellCompletes(t *testing.T) {
	t.Parallel()
	printed := func(shell string) string {
		t.Helper()
		var out, errs strings.Builder
		streams := app.Streams{In: strings.NewReader(""), Out: &out, Err: &errs}
		app.Run(t.Context(), name, Description, &Command{}, []string{"completion", shell}, streams)
		return out.String() + errs.String()
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	script := printed("bash")
	for typed, want := range map[string]string{
		"invitectl tro":                            "trouble",
		"invitectl runs pa":                        "pause",
		"invitectl runs --firm acme-cpa --sta":     "--state",
		"invitectl runs cancel --rea":              "--reason",
		"invitectl runs --state sc":                "scheduled",
		"invitectl dead-letters list --output ":    "csv json table",
		"invitectl status --firm acme-cpa --cli":   "--client",
		"invitectl no-such-command --no-such-flag": "",
	} {
		program := script + "\nCOMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _invitectl; printf '%s\\n' \"${COMPREPLY[@]}\""
		arguments := append([]string{"-c", program, "bash"}, strings.Split(typed, " ")...)
		out, err := exec.CommandContext(t.Context(), bash, arguments...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", typed, err, out)
		}
		got := strings.Fields(string(out))
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%q completes to %q, want %q", typed, got, want)
		}
	}
	if zsh := printed("zsh"); !strings.HasPrefix(zsh, "autoload -U +X bashcompinit") || !strings.HasSuffix(zsh, script) {
		t.Errorf("for zsh: %s", zsh)
	}
	fish := printed("fish")
	for _, want := range []string{"-a trouble -d", "__fish_seen_subcommand_from runs' -a pause", "-l state -x -a"} {
		if !strings.Contains(fish, want) {
			t.Errorf("for fish, it lacks %q", want)
		}
	}
	if got := printed("tcsh"); !strings.Contains(got, "must be one of") {
		t.Errorf("for another shell: %s", got)
	}
}
