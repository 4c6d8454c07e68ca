package deploytest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// root is the path from this package to the repository.
const root = "../.."

// composeFile is the part of the Compose Specification that the rules use. `make compose-check` checks the file against
// the specification's schema.
type composeFile struct {
	Services map[string]service `yaml:"services"`
	Volumes  map[string]any     `yaml:"volumes"`
}

type service struct {
	Image           string                `yaml:"image"`
	Build           map[string]any        `yaml:"build"`
	Entrypoint      []string              `yaml:"entrypoint"`
	Environment     map[string]string     `yaml:"environment"`
	DependsOn       map[string]dependency `yaml:"depends_on"`
	Healthcheck     *healthcheck          `yaml:"healthcheck"`
	Ports           []string              `yaml:"ports"`
	Volumes         []string              `yaml:"volumes"`
	StopGracePeriod string                `yaml:"stop_grace_period"`
	MemLimit        string                `yaml:"mem_limit"`
	ReadOnly        bool                  `yaml:"read_only"`
	// NoHealthcheck is the reason why the service has no health check.
	NoHealthcheck string `yaml:"x-no-healthcheck"`
}

type dependency struct {
	Condition string `yaml:"condition"`
}

type healthcheck struct {
	Test []string `yaml:"test"`
}

// ourImage is the image that we build. Services with another image are not ours.
const ourImage = "portal-invites:local"

func (s service) isOurs() bool { return s.Image == ourImage }

// isWorker says whether the service is a worker, and not a command that is run once in a while.
func (s service) isWorker() bool {
	return s.isOurs() && (len(s.Entrypoint) == 0 || strings.HasSuffix(s.Entrypoint[0], "-worker"))
}

func parseCompose(t *testing.T, text string) composeFile {
	t.Helper()
	var file composeFile
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatalf("compose.yaml: %v", err)
	}
	if len(file.Services) == 0 {
		t.Fatal("compose.yaml: no services")
	}
	return file
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestComposeKeepsEveryRule(t *testing.T) {
	t.Parallel()
	file := parseCompose(t, readFile(t, "compose.yaml"))
	for name, rule := range composeRules() {
		for _, finding := range rule(file) {
			t.Errorf("%s: %s", name, finding)
		}
	}
}

// Each rule must be able to fail: each of these files breaks one rule.
func TestEveryComposeRuleCanFail(t *testing.T) {
	t.Parallel()
	cases := []struct{ rule, yaml, want string }{
		{"health", `{a: {image: x}}`, `a: no health check, and no x-no-healthcheck that says why`},
		{"health", `{a: {healthcheck: {test: []}}}`, `a: the health check tests nothing`},
		{"confined", `{a: {read_only: true}}`, `a: no mem_limit, so it may take all memory of the machine`},
		{"confined", `{a: {mem_limit: 1g}}`, `a: no read_only: true, so whoever breaks in may write anywhere`},
		{"dependencies", `{a: {depends_on: {b: {condition: service_healthy}}}}`, `a: depends on b, which is not a service`},
		{
			"dependencies", `{a: {depends_on: {b: {condition: service_healthy}}}, b: {image: x}}`,
			`a: waits for b to be healthy, but b has no health check`,
		},
		{
			"dependencies", `{a: {depends_on: {b: {condition: service_started}}}, b: {image: x}}`,
			`a: waits for b with "service_started", which does not wait until b is ready`,
		},
		{
			"cycles", `{a: {depends_on: {b: {}}}, b: {depends_on: {c: {}}}, c: {depends_on: {a: {}}}}`,
			`a waits for itself: a, b, c, a`,
		},
		{"images", `{a: {image: nats}}`, `a: image "nats" has no tag`},
		{"images", `{a: {image: "nats:latest"}}`, `a: image "nats:latest" names no version`},
		{"images", `{a: {image: "registry:5000/nats"}}`, `a: image "registry:5000/nats" has no tag`},
		{
			"one build",
			`{a: {image: "portal-invites:local", build: {context: .}}, b: {image: "portal-invites:local", build: {context: .}}}`,
			`portal-invites:local is built by 2 services (a, b), want 1`,
		},
		{"one build", `{a: {image: "portal-invites:local"}}`, `portal-invites:local is built by 0 services (), want 1`},
		{"variables", `{a: {image: "portal-invites:local", environment: {SMTP_HSOT: x}}}`, `a: no worker reads SMTP_HSOT`},
		{
			"variables", `{a: {image: "portal-invites:local", environment: {SMTP_HOST_FILE: x}}}`,
			`a: no worker reads SMTP_HOST_FILE`,
		},
		{
			"variables", `{a: {image: "portal-invites:local", entrypoint: [/invitectl], environment: {DATABASE_URL: x}}}`,
			`a: no command reads DATABASE_URL`,
		},
		{
			"variables", `{a: {image: "portal-invites:local", entrypoint: [/console], environment: {SMTP_HOST: x}}}`,
			`a: no console reads SMTP_HOST`,
		},
		{
			"link key", `{a: {image: "portal-invites:local", environment: {INVITE_LINK_KEY: "${INVITE_LINK_KEY:-k1:default}"}}}`,
			`a: INVITE_LINK_KEY must be required from the environment`,
		},
		{"loopback", `{a: {ports: ["4222:4222"]}}`, `a: port 4222:4222 is published to the network`},
		{
			"stopping", `{a: {image: "portal-invites:local", stop_grace_period: 10s, environment: {SHUTDOWN_TIMEOUT: 10s}}}`,
			`a: would be killed after 10s, but its shutdown may take 10s`,
		},
		{"mounts", `{a: {volumes: ["data:/data"]}}`, `a: volume data is not declared`},
		{"mounts", `{a: {volumes: ["./deploy/nothing.conf:/etc/x:ro"]}}`, `a: ./deploy/nothing.conf does not exist`},
		{
			"binaries", `{a: {image: "portal-invites:local", entrypoint: [/no-such-worker]}}`,
			`a: starts /no-such-worker, but there is no cmd/no-such-worker`,
		},
		{
			"binaries",
			`{a: {image: "portal-invites:local", entrypoint: [/x-worker], healthcheck: {test: [CMD, /y, healthcheck]}}}`,
			`a: its health check runs /y, not its own /x-worker`,
		},
	}
	for _, c := range cases {
		t.Run(c.rule+" "+c.want, func(t *testing.T) {
			t.Parallel()
			findings := composeRules()[c.rule](parseCompose(t, "services: "+c.yaml))
			if !slices.Contains(findings, c.want) {
				t.Errorf("%s\nthe findings are %q, want %q", c.yaml, findings, c.want)
			}
		})
	}
}
