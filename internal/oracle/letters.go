package oracle

import (
	"fmt"
	"strconv"
)

// wrongDeadLetters compares the bad events with the dead letters on the stream and in the table.
func wrongDeadLetters(s *scene) (found []string) {
	onStream, inTable := map[uint64]int{}, map[uint64]int{}
	for _, m := range s.Letters {
		sequence, err := strconv.ParseUint(m.Header["portal-dead-sequence"], 10, 64)
		if err != nil {
			found = append(found, fmt.Sprintf("the dead letter %d does not say which event it is", m.Sequence))
		}
		onStream[sequence]++
	}
	for _, sequence := range s.Ledger.Letters {
		inTable[sequence]++
	}
	isBad := map[uint64]bool{}
	for _, sequence := range s.Bad {
		isBad[sequence] = true
		if onStream[sequence] != 1 || inTable[sequence] != 1 {
			found = append(found, fmt.Sprintf("the bad event %d has %d dead letters on the stream, and %d in the table",
				sequence, onStream[sequence], inTable[sequence]))
		}
	}
	for _, letters := range []map[uint64]int{onStream, inTable} {
		for sequence := range letters {
			if !isBad[sequence] {
				found = append(found, fmt.Sprintf("the event %d is a dead letter, and there is nothing wrong with it", sequence))
			}
		}
	}
	return found
}
