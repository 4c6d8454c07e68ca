package app

import (
	"fmt"
	"strconv"
	"strings"
)

// Rate is in mails a second. Zero is no limit.
type Rate float64

// UnmarshalText reads 10, 10/s, 600/m, 20000/h or 1000000/d: providers state their limits in any of these.
func (r *Rate) UnmarshalText(text []byte) error {
	number, unit, _ := strings.Cut(string(text), "/")
	seconds, known := map[string]float64{"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[unit]
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !known || strings.HasSuffix(string(text), "/") || !(n >= 0 && n <= 1e6) {
		return fmt.Errorf("must be mails a second, a minute, an hour or a day; 0 for no limit "+
			"(examples: 10, 600/m, 20000/h), not %q", text)
	}
	*r = Rate(n / seconds)
	return nil
}
