package testenv

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"portal-invites/internal/store"
)

// refuseUnknownSteps is SQL that makes a database refuse every change of a state that is not in
// internal/store/states.go (ADR 72). A sequence counts the refused changes, because a rollback does not set a sequence
// back.
func refuseUnknownSteps() string {
	return `
		CREATE SEQUENCE refused_transitions;
		CREATE FUNCTION refuse_unknown_step() RETURNS trigger LANGUAGE plpgsql AS $$
		DECLARE
			was  text := '';
			goes text := '';
		BEGIN
			IF TG_OP <> 'INSERT' THEN was := OLD.state; END IF;
			IF TG_OP <> 'DELETE' THEN goes := NEW.state; END IF;
			IF was <> goes AND (was || '>' || goes) <> ALL (TG_ARGV) THEN
				PERFORM nextval('refused_transitions');
				RAISE EXCEPTION 'a row of % goes from % to %, a transition that internal/store/states.go does not have',
					TG_TABLE_NAME, coalesce(nullif(was, ''), 'nothing'), coalesce(nullif(goes, ''), 'nothing');
			END IF;
			RETURN NULL;
		END $$;` +
		knownStepsOnly("invites", store.InviteTransitions) + knownStepsOnly("access", store.AccessTransitions)
}

// knownStepsOnly is the trigger of one table. It fires after the statement: a trigger before it would also see rows
// that ON CONFLICT does not insert.
func knownStepsOnly[S ~string](table string, transitions []store.Transition[S]) string {
	steps := make([]string, len(transitions))
	for i, t := range transitions {
		steps[i] = fmt.Sprintf("'%s>%s'", t.From, t.To)
	}
	return fmt.Sprintf(`
		CREATE TRIGGER known_steps_only AFTER INSERT OR UPDATE OF state OR DELETE ON %s
			FOR EACH ROW EXECUTE FUNCTION refuse_unknown_step(%s);`, table, strings.Join(steps, ", "))
}

// expectNoneRefused fails a test in which a change of a state was refused, even if the code tried again and succeeded.
func expectNoneRefused(tb testing.TB, databaseURL string) {
	tb.Helper()
	ctx := context.WithoutCancel(tb.Context())
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		tb.Errorf("testenv: look for refused changes of a state: %v", err)
		return
	}
	defer func() { _ = conn.Close(ctx) }()
	var refused int
	const count = `SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM refused_transitions`
	if err := conn.QueryRow(ctx, count).Scan(&refused); err != nil {
		tb.Errorf("testenv: look for refused changes of a state: %v", err)
	}
	if refused > 0 {
		tb.Errorf("testenv: %d changes of a state were refused, because internal/store/states.go does not have them; "+
			"see the errors above, or the database's log", refused)
	}
}
