//! One time line for each trial: process, faults, requests, probes and log lines on one axis.

use std::collections::BTreeMap;
use std::fmt::Write;

use model::{Observation, Outcome, Seen};

use super::escape;

/// The drawing, in its own units.
const WIDTH: f64 = 900.0;
const LABELS: f64 = 110.0;
const LANE: f64 = 22.0;
const AXIS: f64 = 20.0;
/// More marks than this in a lane cannot be told apart.
const MOST: usize = 600;

/// What the colours mean; the rest is said when the pointer rests on a mark.
const LEGEND: &str = "<p class=\"legend\"><i class=\"ok\"></i> answered, accepted <i class=\"soft\"></i> \
    refused, or an error of the service <i class=\"bad\"></i> dropped, cut, late or not accepted \
    <i class=\"fault\"></i> broken on purpose <i class=\"signal\"></i> signal or changed variable \
    <i class=\"end\"></i> end</p>\n";

/// A mark in a lane.
struct Mark {
    from: u64,
    /// Later than `from` for a bar.
    to: u64,
    class: &'static str,
    title: String,
}

/// Every trial, folded; those that the reader should see first are open.
pub(super) fn trials(out: &mut String, seen: &[Observation]) {
    let began = seen.iter().filter_map(|observation| match &observation.seen {
        Seen::Trial { subject, method, round } => {
            Some((observation.trial.as_str(), subject, method, round))
        }
        _ => None,
    });
    let began: Vec<_> = began.collect();
    if began.is_empty() {
        return;
    }
    let _ = writeln!(out, "<details class=\"trials\"><summary>{}</summary>", title(began.len()));
    out.push_str(LEGEND);
    for (name, subject, method, round) in began {
        let own: Vec<_> = seen.iter().filter(|observation| observation.trial == name).collect();
        let _ = write!(
            out,
            "<figure>\n<figcaption>{} · {} · round {round}</figcaption>\n",
            escape(subject),
            escape(method)
        );
        drawing(out, &own);
        log(out, &own);
        out.push_str("</figure>\n");
    }
    out.push_str("</details>\n");
}

fn title(count: usize) -> String {
    match count {
        1 => "what happened, on one time line".to_owned(),
        n => format!("what happened, {n} time lines"),
    }
}

fn drawing(out: &mut String, own: &[&Observation]) {
    let lanes = lanes(own);
    let (Some(start), Some(end)) = (own.first().map(|o| o.at), own.last().map(|o| o.at)) else {
        return;
    };
    let begins = lanes.iter().flat_map(|(_, marks)| marks).map(|mark| mark.from).min();
    let start = start.min(begins.unwrap_or(start));
    let span = end.saturating_sub(start).max(1) as f64;
    let x = |at: u64| LABELS + (WIDTH - LABELS - 8.0) * at.saturating_sub(start) as f64 / span;
    let height = lanes.len() as f64 * LANE + AXIS;
    let _ =
        writeln!(out, "<div class=\"scroll\"><svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">");
    for (at, (name, marks)) in lanes.iter().enumerate() {
        let y = at as f64 * LANE;
        let _ = writeln!(
            out,
            "<text x=\"0\" y=\"{:.0}\">{}</text><line class=\"rule\" x1=\"{LABELS}\" x2=\"{WIDTH}\" y1=\"{:.1}\" y2=\"{:.1}\"/>",
            y + 15.0,
            escape(name),
            y + LANE / 2.0,
            y + LANE / 2.0,
        );
        for mark in marks.iter().take(MOST) {
            let (from, to) = (x(mark.from), x(mark.to));
            let _ = writeln!(
                out,
                "<rect class=\"{}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"12\" rx=\"2\"><title>{}</title></rect>",
                mark.class,
                from,
                y + 5.0,
                (to - from).max(3.0),
                escape(&mark.title),
            );
        }
    }
    axis(out, span, height);
    out.push_str("</svg></div>\n");
}

/// Ticks at a round distance, in milliseconds since the trial began.
fn axis(out: &mut String, span: f64, height: f64) {
    let step = [1e3, 5e3, 1e4, 5e4, 1e5, 2.5e5, 5e5, 1e6, 2e6, 5e6, 1e7, 3e7, 6e7]
        .into_iter()
        .find(|step| span / step <= 10.0)
        .unwrap_or(6e7);
    let mut at = 0.0;
    while at <= span {
        let x = LABELS + (WIDTH - LABELS - 8.0) * at / span;
        let text =
            if step >= 1e6 { format!("{:.0} s", at / 1e6) } else { format!("{:.0} ms", at / 1e3) };
        let _ = writeln!(
            out,
            "<line class=\"tick\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"{:.1}\"/><text class=\"when\" x=\"{:.1}\" y=\"{:.1}\">{text}</text>",
            height - AXIS,
            x + 2.0,
            height - 5.0,
        );
        at += step;
    }
}

/// The lanes in the order in which a reader asks: what happened to the process, what was broken,
/// who asked and what they got, what it said.
fn lanes(own: &[&Observation]) -> Vec<(String, Vec<Mark>)> {
    let end = own.last().map_or(0, |observation| observation.at);
    let mut clients: BTreeMap<&str, Vec<Mark>> = BTreeMap::new();
    let mut probes: BTreeMap<&str, Vec<Mark>> = BTreeMap::new();
    let mut logs = Vec::new();
    for observation in own {
        let at = observation.at;
        match &observation.seen {
            Seen::Answer(answer) => {
                clients.entry("requests").or_default().push(Mark {
                    from: at.saturating_sub(answer.took_us),
                    to: at,
                    class: outcome_class(&answer.outcome),
                    title: format!(
                        "{}: {} {} after {:.1} ms",
                        answer.label,
                        answer.asked(),
                        answer.outcome.words(),
                        answer.took_us as f64 / 1e3
                    ),
                });
            }
            Seen::Exchanged { client, request, outcome, took_us: took, reused } => {
                let words = outcome.words();
                let reused = if *reused > 0 {
                    format!(", after {reused} on this connection")
                } else {
                    String::new()
                };
                clients.entry(client).or_default().push(Mark {
                    from: at.saturating_sub(*took),
                    to: at,
                    class: outcome_class(outcome),
                    title: format!("{request}: {words} after {:.1} ms{reused}", *took as f64 / 1e3),
                });
            }
            Seen::Probed { probe, result, took_us: took } => {
                let class = if result.is_accepted() { "ok" } else { "bad" };
                let title = format!("{probe}: it {}", result.words());
                probes.entry(probe).or_default().push(Mark {
                    from: at,
                    to: at + took,
                    class,
                    title,
                });
            }
            Seen::Output { line, .. } => {
                logs.push(Mark { from: at, to: at, class: "log", title: line.clone() });
            }
            _ => {}
        }
    }
    let mut lanes = vec![("process".to_owned(), process(own, end))];
    lanes.extend(faults(own, end));
    lanes.extend(clients.into_iter().map(|(name, marks)| (format!("client {name}"), marks)));
    lanes.extend(probes.into_iter().map(|(name, marks)| (format!("probe {name}"), marks)));
    lanes.push(("log".to_owned(), logs));
    lanes.retain(|(_, marks)| !marks.is_empty());
    lanes
}

fn outcome_class(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Answered { status } if *status < 500 => "ok",
        Outcome::Answered { .. } | Outcome::Refused | Outcome::NotConnected => "soft",
        _ => "bad",
    }
}

/// Its life as a bar, and what was done to it.
fn process(own: &[&Observation], end: u64) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut points = Vec::new();
    let mut started = None;
    for observation in own {
        let at = observation.at;
        let mut point = |class, title: String| points.push(Mark { from: at, to: at, class, title });
        match &observation.seen {
            Seen::Started { pid, .. } => started = Some((at, *pid)),
            Seen::Mutated { variable, value } => {
                let value = value.as_deref().map_or("absent".to_owned(), |v| format!("{v:?}"));
                point("signal", format!("{variable} = {value}"));
            }
            Seen::Ready { after } => {
                point("good", format!("ready after {:.1} ms", *after as f64 / 1e3));
            }
            Seen::NeverReady { .. } => point("bad", "given up: it never became ready".into()),
            Seen::Signalled { signal, .. } => point("signal", signal.clone()),
            Seen::StillRuns { .. } => point("bad", "given up: it still runs".into()),
            Seen::IdleEnded { .. } => point("log", "an idle connection was closed".into()),
            Seen::NotStarted { reason } => point("bad", reason.clone()),
            Seen::LeftBehind { processes } => {
                point("bad", format!("left behind: {}", processes.join(", ")));
            }
            Seen::Exited { code, signal, .. } => {
                let how = match (code, signal) {
                    (Some(code), _) => format!("exited with code {code}"),
                    (None, signal) => format!("ended by signal {}", signal.unwrap_or_default()),
                };
                point("end", how.clone());
                if let Some((from, pid)) = started.take() {
                    let title = format!("process {pid}, {how}");
                    marks.push(Mark { from, to: at, class: "life", title });
                }
            }
            _ => {}
        }
    }
    if let Some((from, pid)) = started {
        marks.push(Mark { from, to: end, class: "life", title: format!("process {pid}") });
    }
    marks.extend(points);
    marks
}

/// For each dependency the times in which it was broken, and the locks.
fn faults(own: &[&Observation], end: u64) -> BTreeMap<String, Vec<Mark>> {
    let mut lanes: BTreeMap<String, Vec<Mark>> = BTreeMap::new();
    let mut open: BTreeMap<String, (u64, String)> = BTreeMap::new();
    let mut close = |lane: &str, open: &mut BTreeMap<String, (u64, String)>, to: u64| {
        if let Some((from, title)) = open.remove(lane) {
            lanes.entry(lane.to_owned()).or_default().push(Mark {
                from,
                to,
                class: "fault",
                title,
            });
        }
    };
    for observation in own {
        match &observation.seen {
            Seen::FaultSet { dependency, fault } => {
                let lane = format!("fault {dependency}");
                open.insert(lane, (observation.at, format!("{dependency}: {fault}")));
            }
            Seen::FaultHealed { dependency } => {
                close(&format!("fault {dependency}"), &mut open, observation.at);
            }
            Seen::Locked { waiting } => {
                let title = format!("tables locked, {waiting} waiting");
                open.insert("table lock".into(), (observation.at, title));
            }
            Seen::Unlocked => close("table lock", &mut open, observation.at),
            _ => {}
        }
    }
    let left: Vec<_> = open.keys().cloned().collect();
    for lane in left {
        close(&lane, &mut open, end);
    }
    lanes
}

/// The last lines it wrote.
fn log(out: &mut String, own: &[&Observation]) {
    let lines: Vec<_> = own
        .iter()
        .filter_map(|observation| match &observation.seen {
            Seen::Output { line, .. } => Some((observation.at, line)),
            _ => None,
        })
        .collect();
    let Some((_, _)) = lines.first() else { return };
    let start = own.first().map_or(0, |observation| observation.at);
    let _ = write!(out, "<details><summary>{} log lines</summary><pre>", lines.len());
    for (at, line) in lines.iter().rev().take(40).rev() {
        let _ =
            writeln!(out, "{:>9.1} ms  {}", at.saturating_sub(start) as f64 / 1e3, escape(line));
    }
    out.push_str("</pre></details>\n");
}
