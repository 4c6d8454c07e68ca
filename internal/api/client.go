package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// Error is the service's answer to a call that it refuses or could not answer.
type Error struct {
	Code    int    // 400, 404, 409, 429, 500 or 503, with the meaning of HTTP
	Message string // may be shown to people; for 400 it begins with the field
}

func (e *Error) Error() string { return e.Message }

// ErrNoService says that no worker answers: none is running, or the connection may not call the service.
var ErrNoService = errors.New("no worker answers: is invite-worker or bulk-worker running on this broker?")

// Client calls the service. It is safe for concurrent use.
type Client struct{ nc *nats.Conn }

// NewClient makes a client that uses a connection. The caller still owns the connection and closes it.
func NewClient(nc *nats.Conn) Client { return Client{nc: nc} }

// Explain says for each recipient whether an invite would be sent.
func (c Client) Explain(ctx context.Context, firm string, r ExplainRequest) (ExplainAnswer, error) {
	return ask[ExplainAnswer](ctx, c.nc, firm, ExplainEndpoint, r)
}

// Status returns the status of people on clients.
func (c Client) Status(ctx context.Context, firm string, r StatusRequest) (StatusAnswer, error) {
	return ask[StatusAnswer](ctx, c.nc, firm, StatusEndpoint, r)
}

// Statuses lists what stands for the people of a firm, and counts them.
func (c Client) Statuses(ctx context.Context, firm string, r StatusesRequest) (StatusesAnswer, error) {
	return ask[StatusesAnswer](ctx, c.nc, firm, StatusesEndpoint, r)
}

// Redeem opens a link.
func (c Client) Redeem(ctx context.Context, firm string, r RedeemRequest) (RedeemAnswer, error) {
	return ask[RedeemAnswer](ctx, c.nc, firm, RedeemEndpoint, r)
}

// Decline says that the mail with a link was not meant for its reader.
func (c Client) Decline(ctx context.Context, firm string, r DeclineRequest) (DeclineAnswer, error) {
	return ask[DeclineAnswer](ctx, c.nc, firm, DeclineEndpoint, r)
}

// Preview composes a mail without sending it.
func (c Client) Preview(ctx context.Context, firm string, r PreviewRequest) (PreviewAnswer, error) {
	return ask[PreviewAnswer](ctx, c.nc, firm, PreviewEndpoint, r)
}

// Runs lists runs.
func (c Client) Runs(ctx context.Context, firm string, r RunsRequest) (RunsAnswer, error) {
	return ask[RunsAnswer](ctx, c.nc, firm, RunsEndpoint, r)
}

// Queue counts the invites that wait to be sent.
func (c Client) Queue(ctx context.Context, firm string, r QueueRequest) (QueueAnswer, error) {
	return ask[QueueAnswer](ctx, c.nc, firm, QueueEndpoint, r)
}

// Held lists held invites, or rules on one.
func (c Client) Held(ctx context.Context, firm string, r HeldRequest) (HeldAnswer, error) {
	return ask[HeldAnswer](ctx, c.nc, firm, HeldEndpoint, r)
}

// Suppressions lists what stops mail to emails, or lifts it.
func (c Client) Suppressions(ctx context.Context, firm string, r SuppressionsRequest) (SuppressionsAnswer, error) {
	return ask[SuppressionsAnswer](ctx, c.nc, firm, SuppressionsEndpoint, r)
}

// Person returns what is kept about one person, and about nobody else.
func (c Client) Person(ctx context.Context, firm string, r PersonRequest) (PersonAnswer, error) {
	return ask[PersonAnswer](ctx, c.nc, firm, PersonEndpoint, r)
}

// Pauses lists paused firms, or pauses or resumes one. The firm of the call is [AllFirms].
func (c Client) Pauses(ctx context.Context, firm string, r PausesRequest) (PausesAnswer, error) {
	return ask[PausesAnswer](ctx, c.nc, firm, PausesEndpoint, r)
}

// Firms returns a firm's settings. The firm [AllFirms] stands for all of them.
func (c Client) Firms(ctx context.Context, firm string, r FirmsRequest) (FirmsAnswer, error) {
	return ask[FirmsAnswer](ctx, c.nc, firm, FirmsEndpoint, r)
}

// DeadLetters lists, shows, requeues or discards dead letters.
func (c Client) DeadLetters(ctx context.Context, firm string, r DeadLettersRequest) (DeadLettersAnswer, error) {
	return ask[DeadLettersAnswer](ctx, c.nc, firm, DeadLettersEndpoint, r)
}

// Outcomes reads the outcomes of a firm. With a Wait, ctx should end some seconds later than that.
func (c Client) Outcomes(ctx context.Context, firm string, r OutcomesRequest) (OutcomesAnswer, error) {
	ctx, cancel := patientFor(ctx, r.Wait)
	defer cancel()
	return ask[OutcomesAnswer](ctx, c.nc, firm, OutcomesEndpoint, r)
}

// Receipt says what became of an event. With a Wait, ctx should end some seconds later than that.
func (c Client) Receipt(ctx context.Context, firm string, r ReceiptRequest) (ReceiptAnswer, error) {
	ctx, cancel := patientFor(ctx, r.Wait)
	defer cancel()
	return ask[ReceiptAnswer](ctx, c.nc, firm, ReceiptEndpoint, r)
}

// patientFor gives a call that waits for something a deadline that is long enough, if it has none.
func patientFor(ctx context.Context, wait string) (context.Context, context.CancelFunc) {
	if _, limited := ctx.Deadline(); limited || wait == "" {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, LongestPoll+patience)
}

// Templates lists a firm's message templates, or shows one.
func (c Client) Templates(ctx context.Context, firm string, r TemplatesRequest) (TemplatesAnswer, error) {
	return ask[TemplatesAnswer](ctx, c.nc, firm, TemplatesEndpoint, r)
}

// Recipients lists the recipients of a run, by what became of them.
func (c Client) Recipients(ctx context.Context, firm string, r RecipientsRequest) (RecipientsAnswer, error) {
	return ask[RecipientsAnswer](ctx, c.nc, firm, RecipientsEndpoint, r)
}

// Trouble says how the firms are, those with the most trouble first. The firm must be [EveryFirm].
func (c Client) Trouble(ctx context.Context, firm string, r TroubleRequest) (TroubleAnswer, error) {
	return ask[TroubleAnswer](ctx, c.nc, firm, TroubleEndpoint, r)
}

// Senders lists the senders, and how they are. The firm must be [EveryFirm].
func (c Client) Senders(ctx context.Context, firm string, r SendersRequest) (SendersAnswer, error) {
	return ask[SendersAnswer](ctx, c.nc, firm, SendersEndpoint, r)
}

// Recover asks about a database that went back, or mends it. The firm must be [AllFirms].
func (c Client) Recover(ctx context.Context, firm string, r RecoverRequest) (RecoverAnswer, error) {
	return ask[RecoverAnswer](ctx, c.nc, firm, RecoverEndpoint, r)
}

// patience is how long the client waits if the caller's context has no deadline. It is longer than a worker may take.
const patience = longestCall + time.Second

func ask[Answer any](ctx context.Context, nc *nats.Conn, firm, endpoint string, request any) (Answer, error) {
	var answer Answer
	if err := checkFirm(firm); err != nil {
		return answer, err
	}
	body, err := json.Marshal(request)
	if err != nil {
		return answer, fmt.Errorf("encode the request: %w", err)
	}
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	call := &nats.Msg{Subject: Subject(firm, endpoint), Data: body}
	if until, limited := ctx.Deadline(); limited { // always
		left := max(time.Until(until), time.Millisecond)
		call.Header = nats.Header{WaitHeader: {left.Truncate(time.Millisecond).String()}}
	}
	msg, err := nc.RequestMsgWithContext(ctx, call)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return answer, ErrNoService
	case err != nil:
		return answer, fmt.Errorf("ask for %s: %w", endpoint, err)
	}
	if code := msg.Header.Get(micro.ErrorCodeHeader); code != "" {
		number, _ := strconv.Atoi(code)
		return answer, &Error{Code: number, Message: msg.Header.Get(micro.ErrorHeader)}
	}
	if err := json.Unmarshal(msg.Data, &answer); err != nil {
		return answer, fmt.Errorf("read the answer of %s: %w", endpoint, err)
	}
	return answer, nil
}
