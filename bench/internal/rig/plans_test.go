package rig

import (
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

// A server's log as auto_explain writes it: a statement that was slow twice with the same plan, and an unrelated line.
const serverLog = "LOG:  duration: 25.500 ms  plan:\n" +
	"\tQuery Text: SELECT *\n\t\tFROM invites WHERE firm_id = $1\n" +
	"\tSeq Scan on invites  (cost=0.00..12.50 rows=5 width=8) (actual rows=1000 loops=1)\n" +
	"\t  Filter: (firm_id = 'first''s'::text)\n" +
	"LOG:  checkpoint starting: time\n" +
	"\tno plan goes on here\n" +
	"LOG:  duration: 30.000 ms  plan:\n" +
	"\tQuery Text: SELECT *\n\t\tFROM invites WHERE firm_id = $1\n" +
	"\tSeq Scan on invites  (cost=0.00..99.00 rows=7 width=8) (actual rows=2000 loops=1)\n" +
	"\t  Filter: (firm_id = 'second'::text)\n"

const gathered = `2 times, 55.5 ms in all, 30.0 ms at most
Query Text: SELECT *
	FROM invites WHERE firm_id = $1
Seq Scan on invites  (cost=0.00..99.00 rows=7 width=8) (actual rows=2000 loops=1)
  Filter: (firm_id = '…'::text)

`

func TestPlansAreGatheredByStatement(t *testing.T) {
	t.Parallel()

	var p plans
	for line := range strings.Lines(serverLog) {
		p.Run(nil, zerolog.DebugLevel, "postgres: "+strings.TrimSuffix(line, "\n"))
	}
	if got := p.take(); got != gathered {
		t.Errorf("gathered:\n%s\nwant:\n%s", got, gathered)
	}
	if again := p.take(); again != "" {
		t.Errorf("the plans were taken, but are still there:\n%s", again)
	}
}
