//! The text in which Prometheus takes measures. Source: its "Exposition formats", text-based format 0.0.4.

use std::fmt::Write as _;

use crate::measure::Durations;

/// What kind of measure a family is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Counter,
    Gauge,
}

/// A text under way.
#[derive(Debug, Default)]
pub(super) struct Exposition {
    text: String,
}

/// A label with its value.
pub(super) type Label<'a> = (&'static str, &'a str);

impl Exposition {
    /// The text.
    pub(super) fn finish(self) -> String {
        self.text
    }

    /// A family of measures, each with its labels.
    pub(super) fn family<'a>(
        &mut self,
        name: &str,
        kind: Kind,
        help: &str,
        measures: impl IntoIterator<Item = (Vec<Label<'a>>, f64)>,
    ) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        self.head(name, kind, help);
        for (labels, value) in measures {
            self.line(name, &labels, value);
        }
    }

    /// A family with one measure.
    pub(super) fn one(&mut self, name: &str, kind: Kind, help: &str, value: f64) {
        self.family(name, kind, help, [(Vec::new(), value)]);
    }

    /// A family of durations, in seconds.
    pub(super) fn durations<'a>(
        &mut self,
        name: &str,
        help: &str,
        measures: impl IntoIterator<Item = (Label<'a>, Durations)>,
    ) {
        self.head(name, "histogram", help);
        for (label, durations) in measures {
            let (bucket, count) = (format!("{name}_bucket"), number(durations.count()));
            for (bound, count) in durations.up_to() {
                self.line(&bucket, &[label, ("le", &bound.to_string())], number(count));
            }
            self.line(&bucket, &[label, ("le", "+Inf")], count);
            self.line(&format!("{name}_sum"), &[label], durations.sum().as_secs_f64());
            self.line(&format!("{name}_count"), &[label], count);
        }
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn line(&mut self, name: &str, labels: &[Label<'_>], value: f64) {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        self.write(format_args!("{name}{labels} {value}\n"));
    }

    fn write(&mut self, line: std::fmt::Arguments<'_>) {
        self.text.write_fmt(line).expect("a text in memory takes what is written");
    }
}

/// A count as the format has numbers. It has no others, and counts stay below 2^53.
pub(super) const fn number(count: u64) -> f64 {
    count as f64
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn measures_are_told_with_their_labels_and_a_label_cannot_end_its_line() {
        let mut text = Exposition::default();
        let hostile = "a\"} 1\nwrit_x 2\\";
        text.family("writ_x_total", Kind::Counter, "How many.", [(vec![("unit", hostile)], 3.0)]);
        text.one("writ_y", Kind::Gauge, "How much.", 0.5);
        let mut durations = Durations::default();
        durations.add(Duration::from_secs(700));
        text.durations("writ_z_seconds", "How long.", [(("stage", "look"), durations)]);
        let text = text.finish();
        assert!(
            text.starts_with(
                "# HELP writ_x_total How many.\n# TYPE writ_x_total counter\n\
             writ_x_total{unit=\"a\\\"} 1\\nwrit_x 2\\\\\"} 3\n\
             # HELP writ_y How much.\n# TYPE writ_y gauge\nwrit_y 0.5\n"
            ),
            "{text}"
        );
        assert!(text.ends_with(
            "writ_z_seconds_bucket{stage=\"look\",le=\"600\"} 0\nwrit_z_seconds_bucket{stage=\"look\",le=\"+Inf\"} 1\n\
             writ_z_seconds_sum{stage=\"look\"} 700\nwrit_z_seconds_count{stage=\"look\"} 1\n"
        ), "{text}");
    }
}
