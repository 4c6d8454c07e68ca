package contracttest

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"portal-invites/internal/ctl"
)

// Each command has its section, which names no flag that the command has not; and the environment is named.
func TestInvitectlIsDescribed(t *testing.T) {
	t.Parallel()
	page := readFile(t, "../../docs/invitectl.md")
	parser, err := kong.New(&ctl.Command{}, kong.Vars{"version": "test"})
	if err != nil {
		t.Fatal(err)
	}
	if len(parser.Model.Children) == 0 {
		t.Fatal("there are no commands")
	}
	named := regexp.MustCompile(`--([a-z-]+)`)
	for _, command := range parser.Model.Children {
		text := section(t, page, "## "+command.Name)
		if !strings.Contains(page, "\n| [`"+command.Name+"`](#"+command.Name+") |") {
			t.Errorf("docs/invitectl.md: %s stands not in the table of commands", command.Name)
		}
		flags, variables := flagsOf(command)
		for _, flag := range named.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(flags, flag[1]) {
				t.Errorf("%s: has no flag --%s", command.Name, flag[1])
			}
		}
		for _, child := range command.Children {
			if !strings.Contains(text, "`"+child.Name+"`") {
				t.Errorf("%s: %s is not described", command.Name, child.Name)
			}
		}
		for _, variable := range variables {
			if variable != "NATS_REPLICAS" && !strings.Contains(page, "`"+variable+"`") { // it makes no streams
				t.Errorf("%s: reads %s, which is not named", command.Name, variable)
			}
		}
	}
}

// flagsOf is every flag of a command and of those below it, and every variable that one can come from.
func flagsOf(node *kong.Node) (flags, variables []string) {
	for _, flag := range node.Flags {
		flags = append(flags, flag.Name)
		variables = append(variables, flag.Envs...)
	}
	for _, child := range node.Children {
		f, v := flagsOf(child)
		flags, variables = append(flags, f...), append(variables, v...)
	}
	return flags, variables
}
