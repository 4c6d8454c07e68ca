package compose

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"math"
	"regexp"

	"portal-invites/internal/mail"
	"portal-invites/internal/portal"
)

// The color of a firm without one, and the two colors that the text of a button can have.
const (
	defaultColor = "#1f5f99"
	lightText    = "#ffffff"
	darkText     = "#000000"
)

var colorPattern = regexp.MustCompile(`^#[0-9A-Fa-f]{6}$`)

func validateColor(color string) error {
	if color != "" && !colorPattern.MatchString(color) {
		return fmt.Errorf("brand_color: %q is not a color like #1f5f99", color)
	}
	return nil
}

func brandOf(f mail.Firm) brand {
	color := cmp.Or(f.BrandColor, defaultColor)
	return brand{firm: f.Name, portal: portal.InASCII(f.PortalURL), logo: f.LogoURL, color: color, onColor: textOn(color)}
}

// textOn returns the text color for a background. It is white if that has the contrast of 4.5:1 that WCAG 2.2 (1.4.3)
// requires, since people expect white on a colored button. If white does not have it, black has.
func textOn(background string) string {
	if contrast(background, lightText) >= 4.5 {
		return lightText
	}
	return darkText
}

// contrast is the contrast ratio of WCAG 2.2, from 1 (the same color) to 21 (black on white).
func contrast(a, b string) float64 {
	la, lb := luminance(a), luminance(b)
	return (math.Max(la, lb) + 0.05) / (math.Min(la, lb) + 0.05)
}

// luminance is WCAG 2.2's relative luminance of a valid #rrggbb.
func luminance(color string) float64 {
	rgb, _ := hex.DecodeString(color[1:])
	weights := [3]float64{0.2126, 0.7152, 0.0722}
	sum := 0.0
	for i, weight := range weights {
		c := float64(rgb[i]) / 255
		if c <= 0.04045 {
			sum += weight * c / 12.92
		} else {
			sum += weight * math.Pow((c+0.055)/1.055, 2.4)
		}
	}
	return sum
}
