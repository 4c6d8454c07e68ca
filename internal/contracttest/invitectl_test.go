package contracttest

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"portal-invites/internal/ctl"
)

// Each command has a section, which names only flags that the command has. The page names every environment variable.
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
			t.Errorf("docs/invitectl.md: %s is not in the table of commands", command.Name)
		}
		flags, variables := flagsOf(command)
		for _, flag := range named.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(flags, flag[1]) {
				t.Errorf("%s: the page names the flag --%s, which the command does not have", command.Name, flag[1])
			}
		}
		for _, child := range command.Children {
			if !strings.Contains(text, "`"+child.Name+"`") {
				t.Errorf("%s: %s is not described", command.Name, child.Name)
			}
		}
		for _, variable := range variables {
			forStreams := variable == "NATS_REPLICAS" || variable == "NATS_TOPOLOGY" // invitectl creates none
			if !forStreams && !strings.Contains(page, "`"+variable+"`") {
				t.Errorf("%s: reads %s, which the page does not name", command.Name, variable)
			}
		}
	}
}

// flagsOf returns every flag of a command and its subcommands, and every variable that sets one.
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
