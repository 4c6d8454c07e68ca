package consume

import "portal-invites/internal/events"

// reportLeftOut counts the fields that could not be used and were left out of facts. It logs the first one, because a
// sender with a fault may have sent thousands.
func (c *consumer) reportLeftOut(batch []events.Delivery) {
	var first *events.Delivery
	n := 0
	for i, d := range batch {
		for _, field := range events.LeftOut(d.Data) {
			c.Observer.LeftOut(d.Type, field.Field)
			n++
			if first == nil {
				first = &batch[i]
			}
		}
	}
	if n == 0 {
		return
	}
	field := events.LeftOut(first.Data)[0]
	c.Log.Warn().Str("firm", first.Firm).Str("type", string(first.Type)).Uint64("sequence", first.At.Sequence).
		Str("field", field.Field).Str("reason", field.Problem).Int("fields", n).
		Msg("a field of a fact can't be used and was left out; the sender can correct it and send the fact again")
}
