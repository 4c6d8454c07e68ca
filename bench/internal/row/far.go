package row

import (
	"context"
	"fmt"

	"portal-invites/bench/internal/firm"
	"portal-invites/bench/internal/measure"
)

// farConnections are the numbers of connections to a mail server far away.
var farConnections = []int{4, 16}

// farAway measures a run to a mail server that is 25 ms away, each way. Nobody's mail server is nearer. What counts is
// how often a mail waits for a reply. Its floor is go-mail alone, which waits five times.
func (b *Bench) farAway(ctx context.Context) error {
	template, err := b.reachable(ctx)
	if err != nil {
		return err
	}
	mail, err := b.sampleMail(ctx, template)
	if err != nil {
		return err
	}
	var contenders []contender
	for _, connections := range farConnections {
		n := min(connections*b.Far, b.Sends)
		clients := make([]string, n)
		for i := range clients {
			clients[i] = firm.Business(i)
		}
		name := fmt.Sprintf("%d connections", connections)
		contenders = append(contenders,
			contender{name, func(ctx context.Context) (measure.Sample, error) {
				defer b.Rig.FarAway(connections)()
				return b.send(ctx, template, firm.InviteClients("run-1", clients), n)
			}},
			contender{"go-mail, " + name, func(ctx context.Context) (measure.Sample, error) {
				defer b.Rig.FarAway(connections)()
				return b.sendFloor(ctx, mail, n)
			}})
		b.Ratios = append(b.Ratios, measure.Ratio{
			Row: "far away", Of: name, Against: "go-mail, " + name, Unit: measure.PerOp, Wants: measure.AtLeast, Limit: 3,
			Says: "sending over " + name + " at 25 ms each way, against go-mail alone",
		})
	}
	return b.alternate(ctx, "far away", contenders...)
}
