package deploytest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A composeRule returns every violation of the rule in the file, in a stable order.
type composeRule func(composeFile) []string

func composeRules() map[string]composeRule {
	return map[string]composeRule{
		"health":       each(healthChecked),
		"confined":     each(confined),
		"dependencies": dependenciesWait,
		"cycles":       noCycles,
		"images":       each(imagePinned),
		"one build":    oneBuild,
		"variables":    each(variablesKnown),
		"link key":     each(linkKeyRequired),
		"loopback":     each(onLoopback),
		"stopping":     each(stopsByItself),
		"mounts":       mountsExist,
		"binaries":     each(startsOurBinary),
	}
}

// each turns a rule for one service into a rule for the file.
func each(rule func(name string, s service) []string) composeRule {
	return func(file composeFile) []string {
		var findings []string
		for _, name := range sortedKeys(file.Services) {
			findings = append(findings, rule(name, file.Services[name])...)
		}
		return findings
	}
}

// confined requires that a service can't take all memory of the machine, nor write anywhere but in its volumes.
func confined(name string, s service) (findings []string) {
	if s.MemLimit == "" {
		findings = append(findings, name+": no mem_limit, so it may take all memory of the machine")
	}
	if !s.ReadOnly {
		findings = append(findings, name+": no read_only: true, so whoever breaks in may write anywhere")
	}
	return findings
}

func healthChecked(name string, s service) []string {
	switch {
	case s.Healthcheck == nil && s.NoHealthcheck == "":
		return []string{name + ": no health check, and no x-no-healthcheck that says why"}
	case s.Healthcheck != nil && len(s.Healthcheck.Test) < 2:
		return []string{name + ": the health check tests nothing"}
	}
	return nil
}

func dependenciesWait(file composeFile) []string {
	var findings []string
	for _, name := range sortedKeys(file.Services) {
		needs := file.Services[name].DependsOn
		for _, other := range sortedKeys(needs) {
			target, known := file.Services[other]
			condition := needs[other].Condition
			switch {
			case !known:
				findings = append(findings, fmt.Sprintf("%s: depends on %s, which is not a service", name, other))
			case condition == "service_healthy" && target.Healthcheck == nil:
				findings = append(findings,
					fmt.Sprintf("%s: waits for %s to be healthy, but %s has no health check", name, other, other))
			case condition != "service_healthy" && condition != "service_completed_successfully":
				findings = append(findings, fmt.Sprintf("%s: waits for %s with %q, which does not wait until %s is ready",
					name, other, condition, other))
			}
		}
	}
	return findings
}

func noCycles(file composeFile) []string {
	done := map[string]bool{}
	var findings []string
	var visit func(name string, path []string)
	visit = func(name string, path []string) {
		path = append(path, name)
		if start := slices.Index(path, name); start < len(path)-1 {
			findings = append(findings, fmt.Sprintf("%s waits for itself: %s", name, strings.Join(path[start:], ", ")))
			return
		}
		if done[name] {
			return
		}
		for _, other := range sortedKeys(file.Services[name].DependsOn) {
			visit(other, path)
		}
		done[name] = true
	}
	for _, name := range sortedKeys(file.Services) {
		visit(name, nil)
	}
	return findings
}

// imagePinned requires a tag with a version. Our own image needs none, since its version is that of the build.
func imagePinned(name string, s service) []string {
	if s.isOurs() {
		return nil
	}
	// A colon before the last slash belongs to a registry's port.
	_, tag, found := strings.Cut(s.Image[strings.LastIndex(s.Image, "/")+1:], ":")
	switch {
	case !found:
		return []string{fmt.Sprintf("%s: image %q has no tag", name, s.Image)}
	case !strings.ContainsAny(tag, "0123456789"):
		return []string{fmt.Sprintf("%s: image %q names no version", name, s.Image)}
	}
	return nil
}

// oneBuild requires that each image is built by one service. If two services build the same image, the builds run at
// the same time, and one export makes the other fail (docker/buildx#3576).
func oneBuild(file composeFile) []string {
	builders := map[string][]string{}
	for _, name := range sortedKeys(file.Services) {
		s := file.Services[name]
		switch {
		case s.Build != nil:
			builders[s.Image] = append(builders[s.Image], name)
		case s.isOurs() && builders[s.Image] == nil:
			builders[s.Image] = []string{}
		}
	}
	var findings []string
	for _, image := range sortedKeys(builders) {
		if len(builders[image]) != 1 {
			findings = append(findings, fmt.Sprintf("%s is built by %d services (%s), want 1",
				image, len(builders[image]), strings.Join(builders[image], ", ")))
		}
	}
	return findings
}

// workerVariables are the names that we promise. The docs and `--help` list the same names.
var workerVariables = []string{
	"NATS_URL", "NATS_CREDS", "NATS_CA", "NATS_REPLICAS", "DATABASE_URL", "MIGRATE",
	"SMTP_HOST", "SMTP_PORT", "SMTP_USERNAME", "SMTP_PASSWORD", "SMTP_FROM", "SMTP_TLS", "SMTP_CONNECTIONS", "SMTP_RATE",
	"SMTP_DKIM_DOMAIN", "SMTP_DKIM_SELECTOR", "SMTP_DKIM_KEY",
	"INVITE_LINK_KEY", "INVITE_TTL", "INVITE_ON_UNKNOWN", "RESEND_COOLDOWN",
	"HTTP_ADDR", "LOG_LEVEL", "LOG_FORMAT", "SHUTDOWN_TIMEOUT",
}

// workerSecrets can be read from a file, which a variable of the same name with _FILE names.
var workerSecrets = []string{"DATABASE_URL", "SMTP_PASSWORD", "SMTP_DKIM_KEY", "INVITE_LINK_KEY", "NATS_CREDS"}

// commandVariables are the variables of publisher and invitectl.
var commandVariables = []string{"NATS_URL", "NATS_CREDS", "NATS_CA", "NATS_REPLICAS"}

// consoleVariables are the variables of the console.
var consoleVariables = append([]string{
	"CONSOLE_ADDR", "CONSOLE_URL", "CONSOLE_LOGIN", "CONSOLE_LINK_FROM", "CONSOLE_CREDENTIALS", "CLIENT_URL", "LOG_LEVEL",
	"LOG_FORMAT",
}, commandVariables...)

func variablesKnown(name string, s service) []string {
	if !s.isOurs() {
		return nil
	}
	program, names := "worker", workerVariables
	switch {
	case s.isWorker():
	case s.Entrypoint[0] == "/console":
		program, names = "console", consoleVariables
	default:
		program, names = "command", commandVariables
	}
	var findings []string
	for _, variable := range sortedKeys(s.Environment) {
		secret, isFile := strings.CutSuffix(variable, "_FILE")
		known := slices.Contains(names, variable) ||
			isFile && slices.Contains(workerSecrets, secret) ||
			strings.HasPrefix(variable, "OTEL_")
		if !known {
			findings = append(findings, fmt.Sprintf("%s: no %s reads %s", name, program, variable))
		}
	}
	return findings
}

// linkKeyRequired prevents a default key, since every reader of this repository would know it.
func linkKeyRequired(name string, s service) []string {
	value, set := s.Environment["INVITE_LINK_KEY"]
	if !s.isWorker() || set && strings.HasPrefix(value, "${INVITE_LINK_KEY:?") {
		return nil
	}
	return []string{name + ": INVITE_LINK_KEY must be required from the environment"}
}

// onLoopback requires that ports are published on loopback only: the broker has no passwords, and the caught mails have
// working links.
func onLoopback(name string, s service) []string {
	var findings []string
	for _, port := range s.Ports {
		if !strings.HasPrefix(port, "127.0.0.1:") {
			findings = append(findings, fmt.Sprintf("%s: port %s is published to the network", name, port))
		}
	}
	return findings
}

func stopsByItself(name string, s service) []string {
	if !s.isWorker() {
		return nil
	}
	grace, err := time.ParseDuration(s.StopGracePeriod)
	if err != nil {
		return []string{fmt.Sprintf("%s: stop_grace_period: %v", name, err)}
	}
	shutdown, err := time.ParseDuration(s.Environment["SHUTDOWN_TIMEOUT"])
	if err != nil {
		return []string{fmt.Sprintf("%s: SHUTDOWN_TIMEOUT: %v", name, err)}
	}
	if shutdown >= grace {
		return []string{fmt.Sprintf("%s: would be killed after %s, but its shutdown may take %s", name, grace, shutdown)}
	}
	return nil
}

var namedVolume = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

func mountsExist(file composeFile) []string {
	var findings []string
	for _, name := range sortedKeys(file.Services) {
		for _, mount := range file.Services[name].Volumes {
			source, _, _ := strings.Cut(mount, ":")
			if namedVolume.MatchString(source) {
				if _, declared := file.Volumes[source]; !declared {
					findings = append(findings, fmt.Sprintf("%s: volume %s is not declared", name, source))
				}
			} else if _, err := os.Stat(filepath.Join(root, source)); err != nil {
				// An engine would create a folder of that name and mount it.
				findings = append(findings, fmt.Sprintf("%s: %s does not exist", name, source))
			}
		}
	}
	return findings
}

func startsOurBinary(name string, s service) []string {
	if !s.isOurs() {
		return nil
	}
	if len(s.Entrypoint) == 0 {
		return []string{name + ": does not say which binary it starts"}
	}
	var findings []string
	binary := s.Entrypoint[0]
	if _, err := os.Stat(filepath.Join(root, "cmd", binary, "main.go")); err != nil {
		findings = append(findings, fmt.Sprintf("%s: starts %s, but there is no cmd%s", name, binary, binary))
	}
	if s.Healthcheck != nil && len(s.Healthcheck.Test) > 1 && s.Healthcheck.Test[1] != binary {
		findings = append(findings,
			fmt.Sprintf("%s: its health check runs %s, not its own %s", name, s.Healthcheck.Test[1], binary))
	}
	return findings
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
