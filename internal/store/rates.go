package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// rateBurst limits how much unused rate can be made up for at once: after a pause of any length, the rate of one
// second.
const rateBurst = time.Second

// TakeTokens takes up to n tokens of a queue. perSecond tokens come in a second, for all processes together (ADR 43).
// If there is none, it returns the time until there is one.
//
// It is a transaction of its own, because the bucket is one row. If a claim locked that row until it committed, the
// workers of the queue would wait for each other. Tokens that are not given back are lost; that makes the queue a
// little slower and never faster.
func (s *Store) TakeTokens(
	ctx context.Context, q Queue, n int, perSecond float64, now time.Time,
) (granted int, wait time.Duration, err error) {
	burst := max(1, perSecond*rateBurst.Seconds())
	var left float64
	err = s.pool.QueryRow(ctx, `
		INSERT INTO lane_rates AS r (lane, sender, tokens, granted, refilled_at)
		VALUES ($1, $6, $4::float8 - least($2::int, floor($4::float8)), least($2::int, floor($4::float8)), $5)
		ON CONFLICT (lane, sender) DO UPDATE SET (tokens, granted, refilled_at) = (
			SELECT available - least($2::int, floor(available)), least($2::int, floor(available)), greatest(r.refilled_at, $5)
			FROM (SELECT least($4::float8, r.tokens + $3::float8 * greatest(0, extract(epoch FROM $5 - r.refilled_at))))
			AS bucket (available))
		RETURNING granted, tokens`,
		q.Lane, n, perSecond, burst, now, q.Sender).Scan(&granted, &left)
	if err != nil {
		return 0, 0, fmt.Errorf("take tokens of the %s lane: %w", q.Lane, err)
	}
	if granted == 0 {
		wait = time.Duration((1 - left) / perSecond * float64(time.Second))
	}
	return granted, wait, nil
}

// ReturnTokens gives back tokens for which there was no mail.
func (s *Store) ReturnTokens(ctx context.Context, q Queue, n int) error {
	_, err := s.pool.Exec(ctx, `UPDATE lane_rates SET tokens = tokens + $2 WHERE lane = $1 AND sender = $3`,
		q.Lane, n, q.Sender)
	if err != nil {
		return fmt.Errorf("return tokens of the %s lane: %w", q.Lane, err)
	}
	return nil
}

// slotHorizon is how far ahead times are reserved for a domain. An invite that would leave later has to ask for a time
// again. So a rate that is raised takes effect soon.
const slotHorizon = 10 * time.Minute

// PostponeByDomain lets at most perSecond mails a second of a sender leave for one recipient domain, for all processes
// and lanes together. It postpones locked invites that would be too many, each to a time that is reserved for it (ADR
// 44). It returns the invites that may leave now.
func (t *Tx) PostponeByDomain(
	ctx context.Context, sender string, due []Invite, perSecond float64, now time.Time,
) ([]Invite, error) {
	reserved, err := t.withSlot(ctx, due)
	if err != nil {
		return nil, err
	}
	asking := map[string]int{}
	for _, i := range due {
		if !reserved[i.ID] {
			asking[i.Email.Domain()]++
		}
	}
	spacing := time.Duration(float64(time.Second) / perSecond)
	next, err := t.reserveSlots(ctx, sender, asking, spacing, now)
	if err != nil {
		return nil, err
	}
	var free []Invite
	var late []slot
	for _, i := range due {
		at := now
		if !reserved[i.ID] {
			at = next[i.Email.Domain()]
			next[i.Email.Domain()] = at.Add(spacing)
		}
		if at.After(now) {
			late = append(late, slot{i.ID, at, at.Before(now.Add(slotHorizon))})
		} else {
			free = append(free, i)
		}
	}
	return free, t.postpone(ctx, late)
}

// withSlot returns those of the invites that have a reserved time.
func (t *Tx) withSlot(ctx context.Context, due []Invite) (map[uuid.UUID]bool, error) {
	rows, err := t.tx.Query(ctx, `SELECT invite_id FROM invites WHERE invite_id = ANY ($1) AND slot_at IS NOT NULL`,
		column(due, func(i Invite) uuid.UUID { return i.ID }))
	if err != nil {
		return nil, fmt.Errorf("find reserved times: %w", err)
	}
	reserved := map[uuid.UUID]bool{}
	var id uuid.UUID
	if _, err := pgx.ForEachRow(rows, []any{&id}, func() error { reserved[id] = true; return nil }); err != nil {
		return nil, fmt.Errorf("find reserved times: %w", err)
	}
	return reserved, nil
}

// reserveSlots takes the next times of each domain, as many as are asked for, and returns the first of them.
func (t *Tx) reserveSlots(
	ctx context.Context, sender string, asking map[string]int, spacing time.Duration, now time.Time,
) (map[string]time.Time, error) {
	domains := slices.Sorted(maps.Keys(asking)) // always in the same order, or two workers could deadlock
	lengths := column(domains, func(d string) time.Duration { return time.Duration(asking[d]) * spacing })
	rows, err := t.tx.Query(ctx, `
		INSERT INTO domain_rates AS d (sender, domain, first, next_free)
		SELECT $6, domain, $3::timestamptz - $4::interval, $3::timestamptz - $4::interval + length
		FROM unnest($1::text[], $2::interval[]) AS asked (domain, length)
		ON CONFLICT (domain, sender) DO UPDATE SET (first, next_free) = (
			SELECT first, least(first + (excluded.next_free - excluded.first), greatest(first, $3::timestamptz + $5::interval))
			FROM (SELECT greatest(d.next_free, $3::timestamptz - $4::interval)) AS next (first))
		RETURNING domain, first`,
		domains, lengths, now, rateBurst, slotHorizon, sender)
	if err != nil {
		return nil, fmt.Errorf("reserve times for domains: %w", err)
	}
	firsts := map[string]time.Time{}
	var domain string
	var first time.Time
	_, err = pgx.ForEachRow(rows, []any{&domain, &first}, func() error { firsts[domain] = first; return nil })
	if err != nil {
		return nil, fmt.Errorf("reserve times for domains: %w", err)
	}
	return firsts, nil
}
