package pipeline

import (
	"reflect"
	"slices"
	"testing"
	"time"
)

// A duration that is left out of a Config gets its default. Only Keep has none, because 0 means "for ever".
func TestEveryDurationHasItsDefault(t *testing.T) {
	t.Parallel()
	zeroMeans := []string{"Keep", "UnprovenFor"} // 0 is a choice
	cfg := Config{}
	cfg.setDefaults(time.Now)
	for _, of := range []reflect.Value{reflect.ValueOf(cfg), reflect.ValueOf(cfg.Policy)} {
		for field, value := range of.Fields() {
			if value.Type() == reflect.TypeFor[time.Duration]() && value.IsZero() &&
				!slices.Contains(zeroMeans, field.Name) {
				t.Errorf("%s has no default: setDefaults in internal/pipeline/config.go", field.Name)
			}
		}
	}
	if cfg.OnUnknown == "" || cfg.Connections == 0 || cfg.Now == nil || cfg.Observer == nil {
		t.Errorf("setDefaults in internal/pipeline/config.go leaves out what a worker can't do without: %+v", cfg)
	}
}
