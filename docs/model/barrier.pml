/*
 * A request is decided on its firm's facts before it (ADR 76).
 *
 * The stream has three facts, about states or about who has access, of two firms. A request of the first firm follows
 * them. Two facts stages and two decide stages, of whatever workers, handle all this. A facts stage may die at any
 * moment, or stop for good. The broker gives what it held to the other one. It may also give a fact to the other one
 * while the first still has it. Each step is one transaction, or one question to the broker.
 *
 * property: decided_on_all_facts   When a request is decided, every fact of its firm before it is applied.
 * property: access_in_order        Facts about access take effect in the stream's order within their firm, each once.
 * property: nobody_waits_forever   The request is decided, even if every stage that has a fact stops for good.
 *
 * mutation: BARRIER_DOES_NOT_WAIT  decided_on_all_facts
 * mutation: ACK_BEFORE_COMMIT      decided_on_all_facts
 * mutation: ONLY_OWN_FACTS         access_in_order
 * mutation: FLOOR_NOT_LOCKED       access_in_order
 * mutation: NOBODY_ELSE_APPLIES    nobody_waits_forever
 */
#include "must.h"

#define FAULTS 1
#define LAST 3             /* of the facts; the request is behind it */

bit access[LAST + 1];      /* the fact is about access; fact 0 does not exist */
bit firm[LAST + 1];
bit given[LAST + 1];       /* the durable has delivered it before */
bit held[LAST + 1];        /* a stage has it */
bit acked[LAST + 1];
bit applied[LAST + 1];     /* committed */
byte floor_of[2];          /* the table fact_floors */
byte effective[2];         /* the last fact about access that took effect */
byte decided;              /* how many decide stages have decided the request */
byte faults;               /* deaths and redeliveries */

property(decided_on_all_facts)
property(access_in_order)
property(nobody_waits_forever)

#define isFree(s) (!held[s] && !acked[s])
#define mayDie faults < FAULTS -> faults++; goto died

/* Only in the model: the first fact of a firm after a sequence, or LAST + 1. */
inline nextFact(whose, after, found) {
  found = after + 1;
  do
  :: found <= LAST && firm[found] != whose -> found++
  :: else -> break
  od
}

/* In the code: `Barrier.AllApplied` of `internal/events`. It knows a floor, up to which every fact is applied. If a
   fact is between the floor and a sequence, it reads a newer floor from the durable's acknowledgements. */
inline allApplied(sequence, yes) {
  d_step {
    do
    :: floor < LAST && acked[floor + 1] -> floor++
    :: else -> break
    od;
    yes = floor + 1 >= sequence
  }
}

#ifdef ONLY_OWN_FACTS
#define isRead(s) (s == a || s == b)
#else
#define isRead(s) true
#endif

/* In the code: `Projector.apply` of `internal/pipeline/facts`, `Tx.RaiseFactFloors` of `internal/store`. One
   transaction locks the firm's floor, applies the facts after one sequence up to another, and raises the floor. It
   leaves out facts about access that are not above the old floor. */
inline apply(whose, after, upTo) {
#ifdef FLOOR_NOT_LOCKED
  before = floor_of[whose];
#endif
  d_step {
#ifndef FLOOR_NOT_LOCKED
    before = floor_of[whose];
#endif
    nextFact(whose, after, s);
    do
    :: s <= upTo ->
      if
      :: access[s] && isRead(s) && s > before ->
        nextFact(whose, effective[whose], t);
        do
        :: t < s && !access[t] -> nextFact(whose, t, t)
        :: else -> break
        od;
        must(access_in_order, t == s);
        applied[s] = 1;
        effective[whose] = s
      :: !access[s] && isRead(s) -> applied[s] = 1
      :: else
      fi;
      nextFact(whose, s, s)
    :: else -> break
    od;
    floor_of[whose] = (upTo > floor_of[whose] -> upTo : floor_of[whose]);
    s = 0; t = 0; before = 0
  }
}

/* In the code: `Projector.applyNext` of `internal/pipeline/facts`, `Store.FactFloor` of `internal/store`,
   `Barrier.FactsOf` of `internal/events`. It reads the firm's floor from the ledger and the facts after it from the
   stream, whoever has fetched them, and applies them. */
inline applyNext(who, to) {
  known = (floor_of[who] > floor -> floor_of[who] : floor);
  if
  :: known < to -> apply(who, known, to)
  :: else
  fi;
  known = 0
}

/* In the code: `Source.Fetch`, `Complete` of `internal/events`. It fetches one or two facts. */
inline fetch() {
  atomic {
    isFree(1) || isFree(2) || isFree(3) ->
    a = (isFree(1) -> 1 : (isFree(2) -> 2 : 3));
    held[a] = 1; complete = !given[a]; given[a] = 1;
    if
    :: a < LAST && isFree(a + 1) -> b = a + 1; held[b] = 1; complete = complete && !given[b]; given[b] = 1
    :: true
    fi
  }
}

/* In the code: `Projector.Handle` of `internal/pipeline/facts`. It commits the states of a batch. */
inline applyStates() {
  d_step {
    applied[a] = applied[a] | !access[a];
    applied[b] = applied[b] | (b > 0 && !access[b])
  }
}

/* In the code: `Ack` of `internal/events`. */
inline ack(all) {
  d_step {
    acked[a] = acked[a] | all | !access[a];
    acked[b] = acked[b] | (b > 0 && (all || !access[b]))
  }
}

/* In the code: `Projector.alone`, `Projector.applyByFirm` of `internal/pipeline/facts`. A worker that has the oldest
   facts that are not applied, with none missing in between, applies those. Otherwise it reads the firm's facts. */
inline applyAccess(fact) {
  if
  :: access[fact] && alone -> apply(firm[fact], fact - 1, fact)
  :: access[fact] && !alone -> applyNext(firm[fact], fact)
  :: else
  fi
}

proctype Facts() {
  byte a, b, floor, known, before, s, t;
  bool complete, alone;
again:
  fetch();
#ifdef ACK_BEFORE_COMMIT
  ack(1);
#endif
  if
  :: mayDie
  :: applyStates()
  fi;
  if
  :: mayDie
  :: ack(0)
  fi;
  if
  :: complete -> allApplied(a, alone)
  :: else
  fi;
  if
  :: mayDie
  :: applyAccess(a); applyAccess(b)
  fi;
  if
  :: mayDie
  :: ack(1)
  fi;
  d_step { floor = (alone && b > floor -> b : floor); a = 0; b = 0; complete = false; alone = false };
  goto again;
died:
  atomic { held[a] = 0; held[b] = 0; a = 0; b = 0; floor = 0; complete = false; alone = false };
  if
  :: goto again
  :: skip /* no worker takes its place */
  fi
}

/* In the code: `Barrier.Behind` of `internal/events`, `Barrier.Split`, `Barrier.catchUp` of
   `internal/pipeline/consume`. If a fact of the firm before the request may not be applied, it waits for a moment. Then
   it applies the firm's facts itself. */
inline awaitFacts() {
  allApplied(LAST + 1, ready);
  if
  :: ready
  :: else ->
    d_step { nextFact(0, floor, s); ready = s > LAST; s = 0 }
  fi;
  if
  :: ready
  :: else ->
#ifndef NOBODY_ELSE_APPLIES
    applyNext(0, LAST)
#else
    floor_of[0] >= LAST || acked[1] && acked[2] && acked[3]
#endif
  fi
}

/* In the code: `Decider.decide` of `internal/pipeline/decide`. It loads the facts and asks the rules. */
inline decide() {
  d_step {
    nextFact(0, 0, s);
    do
    :: s <= LAST -> must(decided_on_all_facts, applied[s]); nextFact(0, s, s)
    :: else -> break
    od;
    decided++; s = 0
  }
}

proctype Decide() {
  byte a, b, floor, known, before, s, t;
  bool ready;
#ifndef BARRIER_DOES_NOT_WAIT
  awaitFacts();
#endif
  decide()
}

/* Outside the code: the broker takes a fact for lost, and gives it to another stage. */
inline redeliver() {
  d_step {
    faults < FAULTS -> faults++;
    if
    :: held[1] && !acked[1] -> held[1] = 0
    :: else -> held[2] = 0
    fi
  }
}

init {
  atomic {
    access[1] = 1; access[2] = 1; access[3] = 1;
    if
    :: access[2] = 0
    :: firm[2] = 1
    fi;
    run Facts(); run Decide()
  }
  given[1] -> run Facts(); /* the two are alike, so either may be the first */
  if
  :: redeliver()
  :: skip
  fi;
  timeout -> must(nobody_waits_forever, decided == 1)
}
