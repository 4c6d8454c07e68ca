package rig

import (
	"context"
	"path/filepath"
	"strconv"
	"time"
)

// The workers, by their commands' names.
const (
	InviteWorker = "invite-worker"
	BulkWorker   = "bulk-worker"
)

// Env returns the environment for every contender that sends. The variables are the workers' own.
func (r *Rig) Env(b *Broker, d *Database) []string {
	host, port := r.Sink.HostPort()
	return []string{
		"DATABASE_URL=" + d.URL, "NATS_URL=" + b.URL,
		"SMTP_HOST=" + host, "SMTP_PORT=" + port, "SMTP_TLS=none", "SMTP_FROM=portal@mail.example",
		"SMTP_CONNECTIONS=" + strconv.Itoa(r.Connections),
		"SMTP_SENDERS=" + r.Senders, "INVITE_LINK_KEY=" + r.linkKey, "HTTP_ADDR=", "LOG_FORMAT=json",
	}
}

// Launch starts a worker and does not wait for it.
func (r *Rig) Launch(command string, b *Broker, d *Database) (*Process, error) {
	path, args := filepath.Join(r.dir, command), []string(nil)
	if r.Profile != "" {
		path, args = r.self, []string{"part", "worker", "--command", command, "--folder", r.Profile}
	}
	p, err := Start(command, path, r.Env(b, d), args...)
	if err == nil {
		r.running = append(r.running, p)
	}
	return p, err
}

// Worker starts a worker, and returns when the worker has logged that it works.
func (r *Rig) Worker(ctx context.Context, command string, b *Broker, d *Database) (*Process, error) {
	p, err := r.Launch(command, b, d)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	_, err = p.Await(ctx, `"message":"worker started"`)
	return p, err
}
