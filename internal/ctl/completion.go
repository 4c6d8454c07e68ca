package ctl

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"portal-invites/internal/app"
)

// completionCmd prints what a shell needs to complete commands, flags, and the values that a flag may have.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run prints the script.
func (c *completionCmd) Run(s app.Streams, k *kong.Kong) error {
	switch c.Shell {
	case "fish":
		writeFish(s.Out, k.Model)
	case "zsh":
		fmt.Fprintln(s.Out, "autoload -U +X bashcompinit && bashcompinit")
		writeBash(s.Out, k.Model)
	case "bash":
		writeBash(s.Out, k.Model)
	}
	return nil
}

// walk calls do for a command and those below it. path has the words up to the command, each behind a blank.
func walk(node *kong.Node, path string, do func(node *kong.Node, path string)) {
	do(node, path)
	for _, child := range node.Children {
		if !child.Hidden {
			walk(child, path+" "+child.Name, do)
		}
	}
}

// flagsOf are the flags that a command takes, those of the commands above it among them. The list of a default command
// is taken without its name.
func flagsOf(node *kong.Node) (list []*kong.Flag) {
	for _, group := range node.AllFlags(true) {
		list = append(list, group...)
	}
	if node.DefaultCmd != nil {
		for _, flag := range node.DefaultCmd.Flags {
			if !flag.Hidden {
				list = append(list, flag)
			}
		}
	}
	return list
}

// writeBash writes a function for bash. It goes through the words for as long as they name a command, and passes over
// flags and their values.
func writeBash(w io.Writer, model *kong.Application) {
	fmt.Fprintf(w, "_%[1]s() {\n  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} at= words= i\n"+
		"  for ((i = 1; i < COMP_CWORD; i++)); do\n    case \"$at ${COMP_WORDS[i]}\" in\n", model.Name)
	walk(model.Node, "", func(_ *kong.Node, path string) {
		if path != "" {
			fmt.Fprintf(w, "    %q) at=%q ;;\n", path, path)
		}
	})
	fmt.Fprint(w, "    esac\n  done\n  case \"$at\" in\n")
	var values strings.Builder
	walk(model.Node, "", func(node *kong.Node, path string) {
		var words []string
		for _, child := range node.Children {
			if !child.Hidden {
				words = append(words, child.Name)
			}
		}
		for _, flag := range flagsOf(node) {
			words = append(words, "--"+flag.Name)
			if choices := strings.Fields(strings.Join(flag.EnumSlice(), " ")); len(choices) > 0 {
				fmt.Fprintf(&values, "  %q) words=%q ;;\n", path+" --"+flag.Name, strings.Join(choices, " "))
			}
		}
		fmt.Fprintf(w, "  %q) words=%q ;;\n", path, strings.Join(words, " "))
	})
	fmt.Fprintf(w, "  esac\n  case \"$at $prev\" in\n%s  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n"+
		"complete -F _%[2]s %[2]s\n", values.String(), model.Name)
}

// writeFish writes one line for each command and flag.
func writeFish(w io.Writer, model *kong.Application) {
	line := func(condition, rest string, help string) {
		fmt.Fprintf(w, "complete -c %s -f -n %s %s -d %s\n", model.Name, quoteFish(condition), rest, quoteFish(help))
	}
	for _, command := range model.Children {
		if command.Hidden {
			continue
		}
		line("__fish_use_subcommand", "-a "+command.Name, command.Help)
		seen := "__fish_seen_subcommand_from " + command.Name
		for _, child := range command.Children {
			line(seen, "-a "+child.Name, child.Help)
		}
		flags := flagsOf(command)
		for _, child := range command.Children {
			flags = append(flags, child.Flags...)
		}
		known := map[string]bool{}
		for _, flag := range flags {
			if known[flag.Name] || flag.Hidden {
				continue
			}
			known[flag.Name] = true
			rest := "-l " + flag.Name
			if choices := strings.Fields(strings.Join(flag.EnumSlice(), " ")); len(choices) > 0 {
				rest += " -x -a " + quoteFish(strings.Join(choices, " "))
			}
			line(seen, rest, flag.Help)
		}
	}
}

func quoteFish(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}
