//! SVG by hand: text, bars, lines, and colours that follow the reader's light or dark background.

use std::fmt::{Display, Write};

/// Series that have a colour of their own.
pub const COLOURS: usize = 8;

const STYLE: &str = "\
\
text{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;font-size:12px;fill:#3b4252}\
.title{font-size:16px;font-weight:600;fill:#1f2430}.small{font-size:11px}.axis{stroke:#7b8496}\
.grid{stroke:#d8dde6}.s0{fill:#d1495b;stroke:#d1495b}.s1{fill:#2a6f97;stroke:#2a6f97}\
.s2{fill:#e09f3e;stroke:#e09f3e}.s3{fill:#5b8e7d;stroke:#5b8e7d}.s4{fill:#7b5ea7;stroke:#7b5ea7}\
.s5{fill:#8d6e63;stroke:#8d6e63}.s6{fill:#3aa6b9;stroke:#3aa6b9}.s7{fill:#6b7280;stroke:#6b7280}\
@media(prefers-color-scheme:dark){text{fill:#c6ccd8}.title{fill:#eceff4}.axis{stroke:#8a93a5}\
.grid{stroke:#363d4b}.s0{fill:#f2758a;stroke:#f2758a}.s1{fill:#6cb4e0;stroke:#6cb4e0}\
.s2{fill:#f3c06b;stroke:#f3c06b}.s3{fill:#8cc7b2;stroke:#8cc7b2}.s4{fill:#b397dd;stroke:#b397dd}\
.s5{fill:#c4a190;stroke:#c4a190}.s6{fill:#74d3e3;stroke:#74d3e3}.s7{fill:#a3abb9;stroke:#a3abb9}}\
.bar,.dot{stroke:none}.line{fill:none;stroke-width:2.2;stroke-linejoin:round}\
.dashed{stroke-dasharray:5 4}";

/// An SVG picture under construction. Lengths are in pixels of its own size, from the top left corner.
#[derive(Debug)]
pub struct Svg {
    body: String,
}

/// Where a text is relative to its point.
#[derive(Clone, Copy, Debug)]
pub enum Anchor {
    /// It begins there.
    Start,
    /// It has its middle there.
    Middle,
    /// It ends there.
    End,
}

impl Svg {
    /// A picture of this size; `title` is what it shows, for readers who cannot see it too.
    pub fn new(width: f64, height: f64, title: &str) -> Svg {
        let title = escaped(title);
        let mut body = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>\n<style>{STYLE}</style>\n"
        );
        let _ = writeln!(body, "<text class=\"title\" x=\"20\" y=\"28\">{title}</text>");
        Svg { body }
    }

    /// A text; `class` is empty or `small`.
    pub fn text(&mut self, x: f64, y: f64, anchor: Anchor, class: &str, text: impl Display) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escaped(&text.to_string());
        let _ = writeln!(
            self.body,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" class=\"{class}\">{text}</text>"
        );
    }

    /// A text that reads upwards, with its middle at the point.
    pub fn text_up(&mut self, x: f64, y: f64, text: &str) {
        let text = escaped(text);
        let _ = writeln!(
            self.body,
            "<text transform=\"translate({x:.1} {y:.1}) rotate(-90)\" text-anchor=\"middle\">{text}</text>"
        );
    }

    /// A straight line; `class` is `axis` or `grid`.
    pub fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let _ = writeln!(
            self.body,
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        );
    }

    /// A piece of a line in the colour of a series, for curves of very many points.
    pub fn segment(&mut self, series: usize, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let series = series % COLOURS;
        let _ = writeln!(
            self.body,
            "<line class=\"line s{series}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        );
    }

    /// A filled rectangle in the colour of a series.
    pub fn bar(&mut self, series: usize, x: f64, y: f64, width: f64, height: f64) {
        let series = series % COLOURS;
        let _ = writeln!(
            self.body,
            "<rect class=\"bar s{series}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"1.5\"/>"
        );
    }

    /// A line through points in the colour of a series, with a dot at each if it is not dashed.
    pub fn curve(&mut self, series: usize, is_dashed: bool, points: &[(f64, f64)]) {
        let series = series % COLOURS;
        let dashed = if is_dashed { " dashed" } else { "" };
        let list: String = points.iter().fold(String::new(), |mut list, (x, y)| {
            let _ = write!(list, "{x:.1},{y:.1} ");
            list
        });
        let _ = writeln!(
            self.body,
            "<polyline class=\"line s{series}{dashed}\" points=\"{}\"/>",
            list.trim_end()
        );
        for (x, y) in points.iter().filter(|_| !is_dashed) {
            let _ = writeln!(
                self.body,
                "<circle class=\"dot s{series}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.2\"/>"
            );
        }
    }

    /// The picture.
    pub fn finish(mut self) -> String {
        self.body.push_str("</svg>\n");
        self.body
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A step of 1, 2 or 5 times a power of ten that divides 0 to `most` into at most `parts` parts.
pub fn step(most: f64, parts: f64) -> f64 {
    let raw = (most / parts).max(f64::MIN_POSITIVE);
    let power = 10f64.powf(raw.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|digit| digit * power)
        .find(|step| *step >= raw * 0.9999)
        .unwrap_or(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round() {
        for (most, want) in [(330.0, 100.0), (97.0, 20.0), (5.0, 1.0), (0.9, 0.2)] {
            let found = step(most, 5.0);
            assert!((found - want).abs() < want * 1e-9, "{most}: {found}");
        }
    }

    #[test]
    fn text_is_escaped() {
        let mut svg = Svg::new(10.0, 10.0, "a<b");
        svg.text(0.0, 0.0, Anchor::Start, "", "\"&\"");
        let out = svg.finish();
        assert!(out.contains("<title>a&lt;b</title>") && out.contains(">&quot;&amp;&quot;</text>"), "{out}");
    }
}
