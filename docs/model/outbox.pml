/*
 * Each outcome that commits is published at least once (ADR 3, ADR 4, ADR 19).
 *
 * One worker writes two outcomes and another one a third, each in a transaction of its own. Each worker announces its
 * own rows of the outbox. The first may die at any moment, and answers of the broker may get lost. A batch is stored
 * as a whole or not at all. The sweep of each minute is left out, as it hides mistakes.
 *
 * property: published_before_deleted  A row leaves the outbox only when its outcome is on the stream.
 * property: everything_published      Each outcome that has committed is on the stream in the end.
 * property: in_order                  An outcome that was written later by the same worker does not come first.
 * property: twice_only_after_a_death  The stream has an outcome twice only if a worker has died.
 *
 * mutation: DELETED_BEFORE_ACK        published_before_deleted
 * mutation: NOT_REWOUND               everything_published
 * mutation: MARK_PASSES_OPEN          everything_published
 * mutation: TAKEN_OVER_NOT_READ       everything_published
 * mutation: NOT_TAKEN_OVER            everything_published
 * mutation: BATCH_NOT_ATOMIC          in_order
 * mutation: NO_LOOK_AT_THE_STREAM     twice_only_after_a_death
 */
#include "must.h"

#define WORKERS 2
#define OUTCOMES 3         /* the first two are worker 0's, the last is worker 1's */
#define NOWHERE 9          /* above every id */
#define LOST 1             /* answers */
#define workerOf(e) (e == 3 -> 1 : 0)

/* The outbox. The id of a row is the number of its outcome. */
bool visible[OUTCOMES + 1];    /* committed, and not deleted */
byte owner[OUTCOMES + 1];
bool unclear[OUTCOMES + 1];    /* a worker that died may have published it */

byte stored[OUTCOMES + 1];     /* how often it is on the stream */

/* What each worker knows: its low-water mark, and its open transactions. */
byte next[WORKERS] = 1;
byte back[WORKERS] = NOWHERE;
byte open[OUTCOMES + 1] = NOWHERE;

bool began[OUTCOMES + 1];
bool committed[OUTCOMES + 1];
bool second_after_first;       /* the second outcome was written when the first had committed */
bool alive[WORKERS] = true;
byte deaths, lost;

property(published_before_deleted)
property(everything_published)
property(in_order)
property(twice_only_after_a_death)

#define min(x, y) (x < y -> x : y)

/* In the code: `lowWater.begin` of `internal/pipeline/announce`. Its transaction draws the row's id after that. */
inline begin(e) {
  d_step {
#ifndef MARK_PASSES_OPEN
    open[e] = next[workerOf(e)];
#endif
    began[e] = true;
    second_after_first = second_after_first || (e == 2 && committed[1])
  }
}

/* In the code: `Tx.AppendOutbox` of `internal/store`, `Ledger.Commit` of `internal/pipeline/ledger`. */
inline commit(e) {
  d_step {
    alive[workerOf(e)] && began[1] && (e < 3 || began[2]) -> /* as lower ids have been drawn */
    visible[e] = true; committed[e] = true; owner[e] = workerOf(e)
  }
}

/* In the code: `Announcer.Begin` of `internal/pipeline/announce`. It returns the function that ends a transaction. */
inline end(e) {
  d_step {
#ifdef MARK_PASSES_OPEN
    skip
#else
    back[workerOf(e)] = min(back[workerOf(e)], open[e]); open[e] = NOWHERE
#endif
  }
}

proctype Transaction(byte e) {
  if
  :: e < 3 -> { begin(e); commit(e); end(e) } unless { !alive[0] }
  :: else -> atomic { begin(3); commit(3); end(3) } /* the mark of the worker that lives is of no interest */
  fi
}

#define has(batch, e) ((batch >> e) & 1)
#define isMine(e) (visible[e] && owner[e] == w)

/* Only in the model: a part of announced. */
inline delete(e) {
  if
  :: has(batch, e) && isMine(e) ->
    must(published_before_deleted, stored[e] > 0);
    visible[e] = false
  :: else
  fi
}

/* In the code: `Tx.Announced` of `internal/store`. */
inline announced() { delete(1); delete(2); delete(3) }

/* In the code: `Announcer.withoutStored` of `internal/pipeline/announce`, `Recent` of `internal/events`. */
inline withoutStored() {
#ifndef NO_LOOK_AT_THE_STREAM
  if
  :: doubt || has(batch, 1) && unclear[1] || has(batch, 2) && unclear[2] || has(batch, 3) && unclear[3] ->
    batch = read & ((stored[1] > 0) * 2 + (stored[2] > 0) * 4 + (stored[3] > 0) * 8);
    announced();
    batch = read - batch
  :: else
  fi;
#endif
  doubt = false
}

#define lowest min(min(back[w], next[w]), (w == 0 -> min(open[1], open[2]) : open[3]))
#define isRead(e) (isMine(e) && e >= lowest)

/* In the code: `lowWater.from` of `internal/pipeline/announce`, `Store.Outbox` of `internal/store`. */
inline readOutbox() {
  d_step {
    isRead(1) || isRead(2) || isRead(3) || back[w] != NOWHERE ->
    from = lowest;
    read = isRead(1) * 2 + isRead(2) * 4 + isRead(3) * 8;
    batch = read;
    back[w] = NOWHERE;
    withoutStored()
  }
}

/* Only in the model: a part of publish. */
inline store(e) {
  if
  :: has(batch, e) ->
    must(in_order, e != 2 || !second_after_first || stored[1] > 0);
    must(twice_only_after_a_death, stored[e] == 0 || deaths > 0);
    stored[e] = min(stored[e] + 1, 2)
  :: else
  fi
}

/* In the code: `PublishTo` of `internal/events`. It publishes an atomic batch. */
inline publish() {
  atomic {
    if
#ifdef BATCH_NOT_ATOMIC
    :: lost < LOST -> lost++; doubt = true; store(2); store(3)
#endif
    :: store(1); store(2); store(3)
    :: lost < LOST -> lost++; doubt = true; store(1); store(2); store(3)
    :: lost < LOST -> lost++; doubt = true
    fi
  }
}

/* In the code: `lowWater.passed`, `lowWater.rewind` of `internal/pipeline/announce`. */
inline move() {
  if
  :: doubt ->
#ifndef NOT_REWOUND
    back[w] = min(back[w], from)
#else
    skip
#endif
  :: else -> next[w] = (has(read, 3) -> 4 : (has(read, 2) && next[w] < 3 -> 3 : (next[w] < 2 -> 2 : next[w])))
  fi
}

/* In the code: `Announcer.step`, `Announcer.publish` of `internal/pipeline/announce`. */
proctype Announcer(byte w) {
  byte from, batch, read;
  bool doubt;
  {
    do
    :: readOutbox();
      if
      :: read > 0 ->
#ifdef DELETED_BEFORE_ACK
        atomic { announced() };
#endif
        publish();
        atomic {
          if
          :: doubt
          :: !doubt -> announced()
          :: !doubt && lost < LOST -> lost++; announced(); doubt = true
          fi;
          move();
          batch = 0; read = 0; from = 0
        }
      :: else -> from = 0
      fi
    od
  } unless { !alive[w] }
}

/* Only in the model: a part of takeOver. */
inline take(e) {
  if
  :: visible[e] && owner[e] == dead -> owner[e] = w; unclear[e] = true
  :: else
  fi
}

/* In the code: `Store.TakeOver` of `internal/store`, `lease.takeOver` of `internal/pipeline`, `Announcer.Rewind` of
   `internal/pipeline/announce`. */
inline takeOver() {
  atomic { take(1); take(2); take(3) }
#ifndef TAKEN_OVER_NOT_READ
  back[w] = 0
#endif
}

init {
  byte dead = 0, w = 1;
  atomic {
    run Transaction(1); run Transaction(2); run Transaction(3); run Announcer(0); run Announcer(1)
  }
  if
  :: atomic { deaths++; alive[dead] = false }
#ifndef NOT_TAKEN_OVER
    takeOver()
#endif
  :: skip
  fi;
  timeout ->
  must(everything_published,
    (!committed[1] || stored[1] > 0) && (!committed[2] || stored[2] > 0) && (!committed[3] || stored[3] > 0))
}
