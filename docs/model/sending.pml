/*
 * A mail leaves once, or a second time after an attempt of unknown result (ADR 2, ADR 80).
 *
 * Two workers send the mail of one invite. A worker may die at any moment, or be silent until its lease has ended. The
 * answer to a claim may get lost, and so may the mail server's. Each step is one transaction, one statement of it, or
 * one word to the mail server.
 *
 * A worker's own idea of its lease ends before the database's: it counts from the moment at which the renewal began.
 *
 * property: mail_has_lease_and_attempt   A mail leaves only with a lease that lasts and an open attempt on record.
 * property: second_mail_after_unknown    A second mail leaves only if each mail before has an unknown result on record.
 * property: attempt_open_while_sending   An invite has an open attempt while it is being sent, and otherwise none.
 * property: nobody_forgotten             While one worker lives, the invite is sent or due in the end.
 *
 * mutation: ATTEMPT_AFTER_MAIL           mail_has_lease_and_attempt
 * mutation: LEASE_NOT_LOOKED_AT          mail_has_lease_and_attempt
 * mutation: CLAIM_WITHOUT_LOCK           second_mail_after_unknown
 * mutation: TAKEN_OVER_AS_NOT_SENT       second_mail_after_unknown
 * mutation: CLAIM_WITHOUT_LEASE          attempt_open_while_sending
 * mutation: RETURN_DOES_NOT_WAIT         nobody_forgotten
 * mutation: LEASE_NEVER_RENEWED          nobody_forgotten
 */
#include "must.h"

#define WORKERS 2
#define ATTEMPTS 2      /* after these, the invite waits */
#define LAPSES 1        /* how often a lease runs out, by a worker and by the database */
#define DEATHS 1
#define LOST 1          /* answers to claims */

mtype = { queued, sending, sent }
mtype = { none, open, delivered, unknown, retry }

mtype invite = queued;
byte owner;               /* who sends it */
byte attempt;             /* the number of the last one */
mtype verdict[ATTEMPTS + 1] = none;
bool mailed[ATTEMPTS + 1];
byte lockedBy;            /* the worker whose claim has locked the invite, counted from 1; 0: none */

bool lasts[WORKERS] = true;   /* the lease, by the database */
bool locked[WORKERS];         /* a claim has the worker's row: FOR KEY SHARE */
bool takenOver[WORKERS];      /* a take-over has the worker's row: FOR UPDATE */
byte inDoubt[WORKERS];        /* a claim whose answer got lost, and that has not ended in the database */

bool holds[WORKERS] = true;   /* the lease, as far as the worker knows */
byte term[WORKERS];
bool alive[WORKERS] = true;
byte lapses, ends, deaths, lost;

property(mail_has_lease_and_attempt)
property(second_mail_after_unknown)
property(attempt_open_while_sending)
property(nobody_forgotten)

#ifdef CLAIM_WITHOUT_LOCK
#define isUnlocked true
#else
#define isUnlocked lockedBy == 0
#endif
#ifdef RETURN_DOES_NOT_WAIT
#define hasEnded true
#else
#define hasEnded inDoubt[w] == 0
#endif
#ifdef LEASE_NOT_LOOKED_AT
#define mayLeave true
#else
#define mayLeave (holds[w] && term[w] == claimedIn)
#endif

/* In the code: `Tx.LockDue` of `internal/store`. It locks a due invite, and passes over one that is locked. */
inline lockDue() {
  atomic {
    invite == queued && attempt < ATTEMPTS && !unclear && isUnlocked ->
    must(attempt_open_while_sending, verdict[1] != open && verdict[2] != open);
    lockedBy = w + 1; n = attempt + 1; claimedIn = term[w]
  }
}

/* In the code: `queueLease` of `internal/store`. It locks the worker's row, if the lease lasts. */
inline lockLease() {
#ifdef CLAIM_WITHOUT_LEASE
  skip
#else
  atomic {
    !takenOver[w];
    if
    :: lasts[w] -> locked[w] = true
    :: else -> lockedBy = 0; n = 0
    fi
  }
#endif
}

/* Only in the model: a claim's transaction ends. */
inline endClaim(who) { lockedBy = 0; locked[who] = false }

/* In the code: `Tx.BeginAttempts`, `Tx.InsertSending` of `internal/store`. */
inline commitClaim(who, number) {
  invite = sending; owner = who; attempt = number; verdict[number] = open;
  endClaim(who)
}

/* In the code: `Delivery.take`, `Senders.SendNow` of `internal/pipeline/deliver`. The senders get the job after the
   answer. */
inline claim() {
  if
  :: atomic { n > 0 -> commitClaim(w, n) }
  :: atomic { n > 0 -> endClaim(w); n = 0 }
  :: atomic { n > 0 && lost < LOST -> lost++; inDoubt[w] = n; n = 0; unclear = true }
  :: n == 0
  fi
}

/* In the code: `Tx.ReturnUnsent` of `internal/store`, `Delivery.clear` of `internal/pipeline/deliver`. It waits
   until no transaction can begin an attempt. */
inline returnUnsent() {
  atomic {
    unclear && !takenOver[w] && hasEnded ->
    if
    :: invite == sending && owner == w -> verdict[attempt] = retry; invite = queued
    :: else
    fi;
    unclear = false
  }
}

/* In the code: `Delivery.sendChain` of `internal/pipeline/deliver`, `Pool.SendChain` of `internal/mail/smtp`. */
inline send() {
  atomic {
    if
    :: !mayLeave -> result = retry
    :: mayLeave ->
      must(mail_has_lease_and_attempt,
        lasts[w] && invite == sending && owner == w && attempt == n && verdict[n] == open);
      m = 1;
      do
      :: m < n -> must(second_mail_after_unknown, !mailed[m] || verdict[m] == unknown); m++
      :: else -> m = 0; break
      od;
      if
      :: mailed[n] = true; result = delivered
      :: mailed[n] = true; result = unknown
      :: result = unknown
      :: result = retry
      fi
    fi
  }
}

/* In the code: `Tx.EndAttempts` of `internal/store`, `Delivery.settle` of `internal/pipeline/deliver`. */
inline record() {
  atomic {
    !takenOver[w] ->
    if
    :: verdict[n] == open && invite == sending && owner == w && attempt == n ->
      invite = (result == delivered -> sent : queued); verdict[n] = result
    :: verdict[n] == open && !(invite == sending && owner == w && attempt == n) -> verdict[n] = result
    :: else
    fi;
    n = 0; result = none; claimedIn = 0
  }
}

proctype Worker(byte w) {
  byte n, claimedIn, m;
  mtype result = none;
  bool unclear;
  {
    do
    :: lockDue();
#ifdef ATTEMPT_AFTER_MAIL
      send();
#endif
      lockLease();
      claim();
      if
      :: n > 0 ->
#ifndef ATTEMPT_AFTER_MAIL
        send();
#endif
        record()
      :: else
      fi
    :: returnUnsent()
    od
  } unless { !alive[w] }
}

/* In the code: `Store.Lease` of `internal/store`, `lease.renew`, `tenure.renew` of `internal/pipeline`. */
inline renew() {
  atomic {
    alive[w] && !(holds[w] && lasts[w]) && !takenOver[w] -> kept = lasts[w] && holds[w]; lasts[w] = true
  }
  atomic {
    term[w] = term[w] + (!kept); holds[w] = lasts[w] && alive[w]; kept = false
  }
}

/* In the code: `Store.TakeOver` of `internal/store`. It locks the row of a worker whose lease has ended, and passes
   over one that is locked. The code then frees invites and attempts by one statement. Here it may be two. */
inline takeOver() {
  atomic {
    alive[w] && lasts[w] && !lasts[1 - w] && !locked[1 - w] && (owner == 1 - w || lockedBy > 0) ->
    takenOver[1 - w] = true
  }
  atomic {
    if
    :: invite == sending && owner == 1 - w && verdict[attempt] == open ->
#ifdef TAKEN_OVER_AS_NOT_SENT
      verdict[attempt] = retry
#else
      verdict[attempt] = unknown
#endif
    :: else
    fi
  }
  atomic {
    if
    :: invite == sending && owner == 1 - w -> invite = queued
    :: else
    fi;
    takenOver[1 - w] = false
  }
}

proctype Lease(byte w) {
  bool kept;
  do
#ifndef LEASE_NEVER_RENEWED
  :: renew()
#endif
  :: takeOver()
  od
}

/* Outside the code: time passes, a worker dies, and the database ends a transaction that nobody waits for. */
proctype World(byte w) {
  do
  :: atomic { lapses < LAPSES && holds[w] -> holds[w] = false; lapses++ }
  :: atomic { (ends < LAPSES || !alive[w]) && !holds[w] && lasts[w] -> lasts[w] = false; ends = ends + alive[w] }
  :: atomic {
      deaths < DEATHS -> deaths++; alive[w] = false; holds[w] = false;
      if
      :: lockedBy == w + 1 && inDoubt[w] == 0 -> endClaim(w)
      :: else
      fi
    }
  :: atomic { inDoubt[w] > 0 -> commitClaim(w, inDoubt[w]); inDoubt[w] = 0 }
  :: atomic { inDoubt[w] > 0 -> endClaim(w); inDoubt[w] = 0 }
  od
}

init {
  atomic {
    run Worker(0); run Worker(1); run Lease(0); run Lease(1); run World(0); run World(1)
  }
  timeout ->
  must(nobody_forgotten, invite == sent || invite == queued && attempt == ATTEMPTS)
}
