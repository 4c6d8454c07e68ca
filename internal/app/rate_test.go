package app

import "testing"

func TestRate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Rate{
		"0": 0, "10": 10, "10/s": 10, "0.5/s": 0.5, "600/m": 10, "20000/h": 20000.0 / 3600, "86400/d": 1,
	} {
		var r Rate
		if err := r.UnmarshalText([]byte(text)); err != nil || r != want {
			t.Errorf("%s is %v, %v; want %v", text, r, err, want)
		}
	}
	for _, text := range []string{"", "fast", "-1", "10/", "10/y", "10/s/s", "NaN", "Inf", "1e9", "10 /s"} {
		var r Rate
		if err := r.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is accepted as %v", text, r)
		}
	}
}
