/*
 * After the stream went back, no new fact is taken for an old one (ADR 98).
 *
 * All facts are about one thing, and each has the full state. The stream loses its newest messages once, and uses their
 * sequences again. The durable may then be ahead of it, or go back with it. Two workers fetch one message at a time,
 * give it a position, raise the ledger's mark, apply the fact, and acknowledge it. A fact's number is also the time at
 * which the broker stored it.
 *
 * property: newest_fact_counts       In the end the database has the newest fact of the stream, if it is newer than
 *                                    what the stream has lost.
 * property: lost_replaces_nothing    A fact that the stream has lost never replaces one that was published after it.
 *
 * mutation: NO_EPOCH                 newest_fact_counts
 * mutation: DURABLE_NOT_SET_BACK     newest_fact_counts
 * mutation: MARK_RAISED_AFTERWARDS   newest_fact_counts
 * mutation: LOST_BEGINS_NOTHING      newest_fact_counts
 * mutation: LOST_COUNTS_AS_NEW       lost_replaces_nothing
 */
#include "must.h"

#define SIZE 3             /* the stream's highest sequence */
#define FACTS 4

/* The broker. */
byte msg[SIZE + 2];        /* the fact with each sequence; 0: none */
byte last, published, lost;
byte delivered;            /* by the durable */
bool acked[SIZE + 2];
byte connection;           /* how often it was lost */
byte resets;               /* of the durable */

/* The ledger: the table event_streams, and the row of the thing. */
byte mark, mark_time, newest;
byte epochs = 1;
byte first[5];             /* the first sequence of each epoch */
byte fact, in_epoch, at_sequence;

byte handling;             /* how many messages are in the hands of workers */

property(newest_fact_counts)
property(lost_replaces_nothing)

/* In the code: `WentBack`, `firstAfter` of `internal/events`. */
inline firstAfter(given, newest_given, f) {
  f = 1;
  do
  :: f <= last && f <= given && msg[f] <= newest_given -> f++
  :: else -> break
  od;
  f = (last >= given && f > given -> 1 : f)
}

/* In the code: `SetBack` of `internal/events`. Nothing that is not acknowledged is skipped. */
inline setBack(f) {
#ifndef DURABLE_NOT_SET_BACK
  if
  :: delivered >= f ->
    t = 0;
    do
    :: t < f - 1 && acked[t + 1] -> t++
    :: else -> break
    od;
    do
    :: delivered > t -> acked[delivered] = false; delivered--
    :: else -> break
    od;
    resets++; t = 0
  :: else
  fi
#else
  skip
#endif
}

/* In the code: `Timeline.compare`, `Timeline.look`, `Timeline.Lost` of `internal/pipeline/consume`,
   `Store.BeginEpoch` of `internal/store`. It looks while nobody else can begin an epoch or raise the mark. */
inline compare(given, stored, newest_given) {
#ifndef NO_EPOCH
  if
  :: last < given || given > 0 && msg[given] != stored ->
    firstAfter(given, newest_given, f);
    epochs++;
    first[epochs] = f;
    mark = f - 1; mark_time = msg[mark]; newest = (newest > mark_time -> newest : mark_time);
    setBack(f);
    f = 0
  :: else
  fi
#else
  skip
#endif
}

/* In the code: `Source.fetch` of `internal/events`. */
inline fetch() {
  d_step {
    delivered < last ->
    delivered++;
    s = delivered; id = msg[s]; before = known; at = connection; reset = resets;
    handling++
  }
}

/* In the code: `Timeline.Epochs` of `internal/pipeline/consume`. It compares if the connection was lost since the last
   comparison, or if that was a while ago. */
inline knowEpochs() {
  d_step {
    if
    :: compared != connection || must_compare ->
      compare(mark, mark_time, newest);
      known = epochs; compared = connection; must_compare = false
    :: else
    fi;
    certain = before == known && at == connection
  }
}

/* In the code: `Source.placeOnce`, `Source.isLost`, `Epochs.At` of `internal/events`. If the stream has lost a message
   although no epoch has begun, one begins. */
inline place() {
  d_step {
#ifdef LOST_COUNTS_AS_NEW
    isLost = false;
#else
    isLost = !certain && msg[s] != id;
#endif
#ifndef LOST_BEGINS_NOTHING
    if
    :: isLost && before == known && known == epochs -> compare(s, id, id); known = epochs
    :: else
    fi;
#endif
    epoch = (isLost -> before : known);
    do
    :: epoch > 1 && first[epoch] > s -> epoch--
    :: else -> break
    od
  }
}

/* In the code: `Timeline.Raise` of `internal/pipeline/consume`, `Store.RaiseMark` of `internal/store`,
   `Source.isStill` of `internal/events`. */
inline raise() {
  d_step {
    if
    :: known == epochs && mark < s && !isLost -> mark = s; mark_time = id; newest = (newest > id -> newest : id)
    :: else
    fi;
    must_compare = known != epochs || certain && at != connection
  }
}

/* In the code: `Tx.ApplyFacts` of `internal/store`. */
inline apply() {
  d_step {
    if
    :: in_epoch < epoch || in_epoch == epoch && at_sequence < s ->
      must(lost_replaces_nothing, msg[s] == id || id >= fact);
      fact = id; in_epoch = epoch; at_sequence = s
    :: else
    fi
  }
}

/* In the code: `Ack` of `internal/events`. */
inline ack() {
  d_step {
    acked[s] = acked[s] || reset == resets;
    s = 0; id = 0; before = 0; at = 0; reset = 0; epoch = 0; isLost = false; certain = false;
    handling--
  }
}

proctype Worker() {
  byte s, id, before, at, reset, epoch, f, t;
  byte known = 1, compared;
  bool certain, isLost, must_compare;
  do
  :: fetch();
    do
    :: knowEpochs();
      place();
#ifdef MARK_RAISED_AFTERWARDS
      break
#else
      raise();
      if
      :: must_compare
      :: else -> break
      fi
#endif
    od;
    apply();
#ifdef MARK_RAISED_AFTERWARDS
    raise();
#endif
    ack()
  :: d_step { /* each minute */
      handling == 0 && (last < mark || msg[mark] != mark_time) -> compare(mark, mark_time, newest); known = epochs
    }
  od
}

/* Outside the code: a publisher. */
inline publish() {
  d_step { published < FACTS && last < SIZE -> published++; last++; msg[last] = published }
}

/* Outside the code: the broker loses its newest messages. */
inline goBack() {
  atomic {
    last > 0 && lost == 0 ->
    lost = published;
    do
    :: last > 0 -> msg[last] = 0; last--; if :: break :: skip fi
    :: last == 0 -> break
    od;
    if
    :: delivered > last ->
      do
      :: delivered > last -> acked[delivered] = false; delivered--
      :: else -> break
      od
    :: skip
    fi;
    connection++
  }
}

init {
  atomic { run Worker(); run Worker() }
  do
  :: publish()
  :: goBack()
  :: timeout -> break
  od;
  must(newest_fact_counts, last == 0 || msg[last] <= lost || fact == msg[last])
}
