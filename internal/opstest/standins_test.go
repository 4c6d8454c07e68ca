package opstest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func unknownTo(args []string) error {
	return fmt.Errorf("this stand-in does not know: %s", strings.Join(args, " "))
}

// likeCurl does what the pages use curl for: "-s URL" prints the answer, "-s -d FORM URL" sends a form first.
func likeCurl(args []string) error {
	method, form := http.MethodGet, ""
	switch {
	case len(args) == 2 && args[0] == "-s":
	case len(args) == 4 && args[0] == "-s" && args[1] == "-d":
		method, form = http.MethodPost, args[2]
	default:
		return unknownTo(args)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, args[len(args)-1], strings.NewReader(form))
	if err != nil {
		return err
	}
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(os.Stdout, response.Body)
	return err
}

// likePsql does what the pages use psql for: "URL -c COMMAND" prints what was done.
func likePsql(args []string) error {
	if len(args) != 3 || args[1] != "-c" {
		return unknownTo(args)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, args[0])
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	tag, err := conn.Exec(ctx, args[2])
	fmt.Println(tag)
	return err
}

// likeNats does what the pages use the NATS command line for (https://github.com/nats-io/natscli), in the same way.
func likeNats(args []string) error {
	nc, err := nats.Connect(os.Getenv("NATS_URL"))
	if err != nil {
		return err
	}
	defer nc.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	given := readArguments(args)
	switch {
	case given.is("req", 2, "raw"):
		answer, err := nc.RequestWithContext(ctx, given.words[1], []byte(given.words[2]))
		if err == nil {
			fmt.Println(string(answer.Data))
		}
		return err
	case given.is("pub", 2, "jetstream", "H"):
		msg := &nats.Msg{Subject: given.words[1], Header: given.header, Data: []byte(given.words[2])}
		_, err := nc.RequestMsgWithContext(ctx, msg) // the stream's acknowledgement
		if err == nil {
			fmt.Println("Published", len(msg.Data), "bytes to", msg.Subject)
		}
		return err
	case given.is("sub", 1, "stream", "last", "count"):
		return readStream(ctx, nc, given)
	}
	return unknownTo(args)
}

// arguments are words, and flags with their values. The values of -H are a header.
type arguments struct {
	words  []string
	flags  map[string]string
	header nats.Header
}

func readArguments(args []string) arguments {
	a := arguments{flags: map[string]string{}, header: nats.Header{}}
	takesValue := map[string]bool{"H": true, "stream": true, "count": true}
	for i := 0; i < len(args); i++ {
		name := strings.TrimLeft(args[i], "-")
		switch {
		case !strings.HasPrefix(args[i], "-"):
			a.words = append(a.words, args[i])
		case takesValue[name] && i+1 < len(args):
			i++
			a.flags[name] = args[i]
			if name == "H" {
				key, value, _ := strings.Cut(args[i], ":")
				a.header[key] = []string{value}
			}
		default:
			a.flags[name] = ""
		}
	}
	return a
}

// is says whether this is that command, with that many words after it and those flags.
func (a arguments) is(command string, words int, flags ...string) bool {
	if len(a.words) != words+1 || a.words[0] != command || len(a.flags) != len(flags) {
		return false
	}
	for _, flag := range flags {
		if _, given := a.flags[flag]; !given {
			return false
		}
	}
	return true
}

// readStream waits for messages of a stream, beginning with the last one that it has, and prints them.
func readStream(ctx context.Context, nc *nats.Conn, given arguments) error {
	count, err := strconv.Atoi(given.flags["count"])
	if err != nil {
		return err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	consumer, err := js.OrderedConsumer(ctx, given.flags["stream"],
		jetstream.OrderedConsumerConfig{FilterSubjects: given.words[1:], DeliverPolicy: jetstream.DeliverLastPolicy})
	if err != nil {
		return err
	}
	for n := range count {
		msg, err := consumer.Next(jetstream.FetchMaxWait(30 * time.Second))
		if err != nil {
			return err
		}
		fmt.Printf("[#%d] Received JetStream message: %s\n%s\n", n+1, msg.Subject(), msg.Data())
	}
	return nil
}
