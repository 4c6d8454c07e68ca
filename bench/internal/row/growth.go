package row

import (
	"context"
	"strconv"

	"portal-invites/bench/internal/measure"
)

// growth measures runs of growing length. The cost of a contact and the worker's memory must not depend on the length.
func (b *Bench) growth(ctx context.Context) error {
	var contenders []contender
	for _, contacts := range b.Growth {
		template, err := b.unreachable(ctx, contacts)
		if err != nil {
			return err
		}
		contenders = append(contenders, contender{of(contacts), func(ctx context.Context) (measure.Sample, error) {
			return b.decide(ctx, template, contacts)
		}})
	}
	if err := b.alternate(ctx, "growth", contenders...); err != nil {
		return err
	}
	least, most := of(b.Growth[0]), of(b.Growth[len(b.Growth)-1])
	for _, r := range []measure.Ratio{
		{Unit: measure.PerOp, Limit: 1.15, Says: "a contact's cost, of " + most + " against of " + least},
		{Unit: "RSS-MB", Says: "the worker's peak memory, of " + most + " against of " + least},
	} {
		r.Row, r.Of, r.Against, r.Wants = "growth", most, least, measure.AtMost
		b.Ratios = append(b.Ratios, r)
	}
	return nil
}

func of(contacts int) string { return strconv.Itoa(contacts) + "-contacts" }
