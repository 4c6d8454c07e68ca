package api

import (
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
)

// news wakes calls when an outcome of their firm is published. It subscribes to the outcomes of a firm only while a
// call waits for them. An outcome may be heard of a moment before the stream has it.
type news struct {
	conn *nats.Conn

	mu    sync.Mutex
	firms map[string]*firmNews
}

type firmNews struct {
	sub     *nats.Subscription
	waiting map[chan struct{}][]string // a channel for each call, with the subjects that it waits for
}

func newNews(conn *nats.Conn) *news { return &news{conn: conn, firms: map[string]*firmNews{}} }

// subscribeWithin is how long the broker may take to know a subscription.
const subscribeWithin = 5 * time.Second

// watch returns a channel that gets an element after outcomes with one of the subjects. What is published after watch
// has returned is not missed. The caller must call leave.
func (n *news) watch(firm string, subjects []string) (woken <-chan struct{}, leave func(), err error) {
	mine := make(chan struct{}, 1)
	if err := n.join(firm, mine, subjects); err != nil {
		return nil, nil, err
	}
	leave = func() { n.leave(firm, mine) }
	if err := n.conn.FlushTimeout(subscribeWithin); err != nil {
		leave()
		return nil, nil, err
	}
	return mine, leave, nil
}

func (n *news) join(firm string, mine chan struct{}, subjects []string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	of := n.firms[firm]
	if of == nil {
		of = &firmNews{waiting: map[chan struct{}][]string{}}
		var err error
		of.sub, err = n.conn.Subscribe(events.Outcomes.Of(firm), func(msg *nats.Msg) { n.tell(of, msg.Subject) })
		if err != nil {
			return err
		}
		n.firms[firm] = of
	}
	of.waiting[mine] = subjects
	return nil
}

func (n *news) tell(of *firmNews, subject string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for woken, subjects := range of.waiting {
		if len(woken) == 0 && events.InSubjects(subjects, subject) {
			woken <- struct{}{}
		}
	}
}

func (n *news) leave(firm string, mine chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	of := n.firms[firm]
	delete(of.waiting, mine)
	if len(of.waiting) == 0 {
		_ = of.sub.Unsubscribe() // if the connection is closed, there is none any more
		delete(n.firms, firm)
	}
}
