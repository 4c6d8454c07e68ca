package standalone

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cluster is a PostgreSQL data folder and what is needed to run it.
type cluster struct {
	data      string // PGDATA, absolute: an orphan is recognised by it.
	bin       string
	password  string
	as        account
	ephemeral bool
}

const clusterFolder = "cluster"

// HasPostgres says whether the folder has a cluster already. If not, StartPostgres creates one, which takes seconds.
func HasPostgres(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, clusterFolder))
	return err == nil
}

// openCluster prepares the cluster in dir and creates it if there is none. The caller holds the folder's lock.
func openCluster(ctx context.Context, dir string, ephemeral bool, password string) (*cluster, error) {
	c := &cluster{data: filepath.Join(dir, clusterFolder), password: password, ephemeral: ephemeral}
	major, err := c.major()
	if err != nil {
		return nil, err
	}
	if c.bin, err = findBinaries(ctx, major); err != nil {
		return nil, err
	}
	if c.as, err = accountFor(c.data); err != nil {
		return nil, err
	}
	if major > 0 {
		return c, c.endOrphan(ctx)
	}
	return c, c.create(ctx)
}

// major is the version that wrote the data, 0 if there is none yet.
func (c *cluster) major() (int, error) {
	content, err := os.ReadFile(filepath.Join(c.data, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the version of the data: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0, fmt.Errorf("%s/PG_VERSION holds %q, which is not a version", c.data, content)
	}
	return major, nil
}

// create runs initdb in a folder beside the final one and renames it. So a start that is killed halfway leaves nothing
// that looks like a cluster.
func (c *cluster) create(ctx context.Context) error {
	building := c.data + ".new"
	if err := os.RemoveAll(building); err != nil {
		return fmt.Errorf("clear a half-made cluster: %w", err)
	}
	if err := os.Mkdir(building, 0o700); err != nil {
		return fmt.Errorf("create cluster: %w", err)
	}
	if err := c.as.own(building); err != nil {
		return fmt.Errorf("give the cluster to user %s: %w", c.as.name, err)
	}
	if err := c.initdb(ctx, building); err != nil {
		return err
	}
	if err := os.Rename(building, c.data); err != nil {
		return fmt.Errorf("create cluster: %w", err)
	}
	return nil
}

// initdb makes the cluster with passwords (SCRAM) for every connection. Trust would be simpler. But every user and
// every program on the machine can reach loopback, and the data is about a firm's clients.
//
// The locale is C: the same sort order on every machine, whatever its libraries. The keyset pages of a run depend on a
// stable order.
func (c *cluster) initdb(ctx context.Context, data string) error {
	passwordFile, err := c.passwordFile(filepath.Dir(data))
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(passwordFile) }()
	args := []string{
		"--pgdata=" + data, "--username=" + databaseUser, "--pwfile=" + passwordFile,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C",
	}
	if c.ephemeral {
		args = append(args, "--no-sync")
	}
	var output strings.Builder
	cmd := c.command("initdb", data, args...)
	cmd.Stdout, cmd.Stderr = &output, &output
	// It is killed with us, so that it can't go on writing when our successor runs.
	process, err := spawn(cmd, c.as, syscall.SIGKILL)
	if err != nil {
		return c.as.explainDenied(fmt.Errorf("run initdb: %w", err), data, cmd.Path)
	}
	select {
	case <-process.done:
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("initdb: %w", ctx.Err()), process.stop(stopStep{syscall.SIGKILL, 10 * time.Second}))
	}
	if process.err != nil {
		return fmt.Errorf("initdb: %w: %s", process.err, strings.TrimSpace(output.String()))
	}
	return nil
}

// passwordFile makes a copy of the password for initdb, because the account that runs initdb may not read ours.
func (c *cluster) passwordFile(dir string) (string, error) {
	file, err := os.CreateTemp(dir, ".initdb-*")
	if err != nil {
		return "", fmt.Errorf("write the password for initdb: %w", err)
	}
	_, err = file.WriteString(c.password + "\n")
	if err = errors.Join(err, file.Close(), c.as.own(file.Name())); err != nil {
		return "", errors.Join(fmt.Errorf("write the password for initdb: %w", err), os.Remove(file.Name()))
	}
	return file.Name(), nil
}

// command is one of PostgreSQL's programs, run in the data folder: if the account can't get there, it fails before it
// does anything. Its messages are in English and its times in UTC on every machine.
func (c *cluster) command(program, dir string, args ...string) *exec.Cmd {
	//nolint:noctx // A context would kill it: PostgreSQL is stopped by its own signals.
	cmd := exec.Command(filepath.Join(c.bin, program), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	return cmd
}

// serverArgs are the server's settings. They are on the command line, so that no file of the cluster can weaken them.
func (c *cluster) serverArgs(port int) []string {
	durable := "on"
	if c.ephemeral {
		durable = "off"
	}
	settings := []string{
		"listen_addresses=127.0.0.1",
		"port=" + strconv.Itoa(port),
		// TCP only: a socket's path is limited to about 100 bytes, and a data folder deep in a home directory is longer.
		"unix_socket_directories=",
		"max_connections=" + strconv.Itoa(maxConnections),
		"fsync=" + durable,
		"full_page_writes=" + durable,
		"synchronous_commit=" + durable,
		// The outbox is written and emptied thousands of times a second. Postgres looks each minute whether a table needs a
		// vacuum, unless it is told otherwise.
		"autovacuum_naptime=" + autovacuumEvery,
		"timezone=UTC",
		"log_timezone=UTC",
		"logging_collector=off",
		"log_destination=stderr",
		"log_line_prefix=",
		// The text and values of a failed statement can contain an email. They go to the client, which knows what it asked,
		// and not into the log.
		"log_min_messages=log",
		"log_min_error_statement=panic",
	}
	args := []string{"-D", c.data}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return args
}
