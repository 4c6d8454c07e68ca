package standalone

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/rs/zerolog"
)

// brokerReady limits the wait for the listener once the store is recovered.
const brokerReady = 10 * time.Second

// BrokerConfig says where the embedded broker keeps its streams and listens.
type BrokerConfig struct {
	// Dir is the folder of the streams. One broker at a time may use it.
	Dir string
	// Host to listen on; 127.0.0.1 if empty. The broker has no users and no TLS: on any other address, whoever reaches it
	// can read and write everything.
	Host string
	// Port to listen on. 0 and -1 take a free one.
	Port int
	// Ephemeral leaves syncing to the server's default of once in two minutes. That is many times faster, and a power cut
	// loses acknowledged messages. For tests.
	Ephemeral bool
}

// Broker is a NATS server with JetStream inside this process.
type Broker struct {
	server *server.Server
	lock   *FolderLock
	stop   sync.Once
}

// StartBroker starts the broker and returns when it accepts connections.
func StartBroker(cfg BrokerConfig, logger zerolog.Logger) (*Broker, error) {
	if cfg.Host == "" {
		cfg.Host = "127.0.0.1"
	}
	if err := checkPort(cfg.Host, cfg.Port); err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	lock, err := LockFolder(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	started, err := startNATS(cfg, logger)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start broker: %w", err), lock.Unlock())
	}
	return &Broker{server: started, lock: lock}, nil
}

func startNATS(cfg BrokerConfig, logger zerolog.Logger) (*server.Server, error) {
	port := cfg.Port
	if port == 0 {
		port = server.RANDOM_PORT
	}
	nats, err := server.NewServer(&server.Options{
		ServerName: "portal-invites-standalone",
		Host:       cfg.Host,
		Port:       port,
		JetStream:  true,
		StoreDir:   cfg.Dir,
		SyncAlways: !cfg.Ephemeral,
		NoSigs:     true, // Signals belong to the process, which calls Stop.
	})
	if err != nil {
		return nil, err
	}
	log := &brokerLog{logger: logger}
	nats.SetLoggerV2(log, logger.GetLevel() <= zerolog.TraceLevel, false, false)
	nats.Start()
	if err := log.failure(); err != nil {
		halt(nats)
		return nil, err
	}
	if !nats.ReadyForConnections(brokerReady) {
		halt(nats)
		return nil, fmt.Errorf("not accepting connections after %s", brokerReady)
	}
	return nats, nil
}

// URL is where clients connect: the value of NATS_URL.
func (b *Broker) URL() string { return b.server.ClientURL() }

// Stop ends the broker, waits until its files are closed, and unlocks the folder. It may be called more than once.
func (b *Broker) Stop() {
	b.stop.Do(func() {
		halt(b.server)
		_ = b.lock.Unlock() // The only failure is a second close, which Once rules out.
	})
}

func halt(nats *server.Server) {
	nats.Shutdown()
	nats.WaitForShutdown()
}

// checkPort checks that the port is free before anything starts. A server that can't bind reports it late and in its
// own words.
func checkPort(host string, port int) error {
	if port < -1 || port > 65535 {
		return fmt.Errorf("port %d is not between 0 and 65535", port)
	}
	if port <= 0 {
		return nil
	}
	address := net.JoinHostPort(host, strconv.Itoa(port))
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("can't listen on %s, choose another port or 0 for a free one: %w", address, err)
	}
	return listener.Close()
}
