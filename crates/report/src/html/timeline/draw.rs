//! Lanes as boxes placed in per cent.

use maud::{Markup, html};

use super::lanes::{Class, Lane, Mark};
use super::window::Window;
use crate::html::text;

/// Bars of a lane that overlap take so many rows at most; the others share the last.
const ROWS: usize = 8;

/// Marks closer than this, in per cent, cannot be told apart and become one.
const APART: f64 = 0.25;

/// A mark of a lane has at least this width, in per cent.
const LEAST: f64 = 0.4;

/// The end of a request that ended badly has this width, in per cent.
const END: f64 = 1.0;

/// So many marks of a row deserve a word each.
const TITLED: usize = 12;

/// A box within a row.
struct Piece {
    left: f64,
    right: f64,
    class: Class,
    title: String,
}

pub(super) fn drawing(lanes: &[Lane], window: &Window) -> Markup {
    let zero = window.per_cent(window.zero);
    let ends = lanes.first().into_iter().flat_map(|lane| &lane.marks);
    // The last thing that was done to the process: where it ended, in most trials.
    let end = ends.rev().find(|mark| mark.class == Class::Done && mark.from > window.zero);
    let mut class = String::from("drawing");
    if window.zero > window.from {
        class.push_str(" faulted");
    }
    if end.is_some() {
        class.push_str(" ended");
    }
    html! {
        div class=(class) style=(lines(zero, end, window)) {
            @if window.zero > window.from {
                div.lane {
                    span.name {}
                    span.track.flags {
                        (flag(zero, &label(lanes, window.zero), "zero"))
                        @if let Some(end) = end { (flag(window.per_cent(end.from), &end.title, "end")) }
                    }
                }
            }
            @for lane in lanes { (drawn(lane, window)) }
            div.lane.axis {
                span.name {}
                span.track {
                    // The last one would be cut off, or lie on the one before it.
                    @for (at, told) in window.ticks().into_iter().filter(|tick| tick.0 < 91.0) {
                        b style={ "left:" (format!("{at:.2}")) "%" } { (told) }
                    }
                }
            }
        }
    }
}

/// Where the lines through all lanes stand.
fn lines(zero: f64, end: Option<&Mark>, window: &Window) -> String {
    let end = end.map(|end| format!(";--end:{:.2}%", window.per_cent(end.from)));
    format!("--zero:{zero:.2}%{}", end.unwrap_or_default())
}

/// What happened at the moment that everything is told from.
fn label(lanes: &[Lane], zero: u64) -> String {
    let at = |lane: &&Lane| {
        let done =
            |mark: &&Mark| mark.from == zero && matches!(mark.class, Class::Done | Class::Fault);
        lane.marks.iter().find(done).map(|mark| (mark.class, mark.title.clone()))
    };
    let found = lanes.iter().find_map(|lane| at(&lane).map(|found| (lane, found)));
    match found {
        Some((lane, (Class::Fault, title))) => format!("{}: {title}", lane.name),
        Some((_, (_, title))) => title,
        None => String::new(),
    }
}

/// A labelled moment; the label stands on the side that has room.
fn flag(at: f64, label: &str, class: &str) -> Markup {
    let (side, style) = if at > 60.0 {
        ("left", format!("right:{:.2}%", 100.0 - at))
    } else {
        ("right", format!("left:{at:.2}%"))
    };
    html! { b class={ (class) " " (side) } style=(style) { (text::line(label)) } }
}

fn drawn(lane: &Lane, window: &Window) -> Markup {
    let rows = rows(lane, window);
    html! {
        @if !rows.is_empty() {
            div.lane {
                span.name { (text::line(&lane.name)) }
                span.track {
                    @for row in &rows {
                        span.row {
                            @for piece in row { (boxed(piece)) }
                        }
                    }
                }
            }
        }
    }
}

fn boxed(piece: &Piece) -> Markup {
    let left = piece.left.min(100.0 - LEAST);
    let width = (piece.right - piece.left).max(LEAST).min(100.0 - left);
    let style = format!("left:{left:.1}%;width:{width:.1}%");
    let title = Some(text::line(&piece.title)).filter(|title| !title.is_empty());
    html! { i class=(piece.class.name()) style=(style) title=[title] {} }
}

/// The rows of a lane: bars that overlap lie above each other.
fn rows(lane: &Lane, window: &Window) -> Vec<Vec<Piece>> {
    let mut rows: Vec<Vec<Piece>> = Vec::new();
    let mut marks: Vec<&Mark> =
        lane.marks.iter().filter(|mark| mark.to >= window.from && mark.from <= window.to).collect();
    marks.sort_by_key(|mark| mark.from);
    for mark in marks {
        for piece in pieces(mark, window, lane.is_packed) {
            let free = |row: &Vec<Piece>| row.last().is_none_or(|last| last.right <= piece.left);
            // Points are drawn over the bar of the process; only bars of requests make room.
            let at = match rows.iter().position(free) {
                _ if !lane.is_packed => 0,
                Some(at) => at,
                None if rows.len() < ROWS => rows.len(),
                None => merge_row(&rows, &piece),
            };
            if at >= rows.len() {
                rows.push(Vec::new());
            }
            push(&mut rows[at], piece);
        }
    }
    rows
}

/// The row that changes least by one more: one that ends with the same class, or the last.
fn merge_row(rows: &[Vec<Piece>], piece: &Piece) -> usize {
    let same = |row: &Vec<Piece>| row.last().is_some_and(|last| last.class == piece.class);
    rows.iter().position(same).unwrap_or(rows.len() - 1)
}

/// Adds a box; one that cannot be told apart from the last becomes a part of it.
fn push(row: &mut Vec<Piece>, piece: Piece) {
    let titled = row.iter().filter(|one| !one.title.is_empty()).count();
    match row.last_mut() {
        Some(last)
            if last.class == piece.class
                && !matches!(piece.class, Class::Done | Class::Fault)
                && piece.left - last.right < APART =>
        {
            last.right = last.right.max(piece.right);
        }
        _ if titled < TITLED => row.push(piece),
        _ => row.push(Piece { title: String::new(), ..piece }),
    }
}

/// A request that ended badly waited until then: only its end has the colour.
fn pieces(mark: &Mark, window: &Window, is_packed: bool) -> Vec<Piece> {
    let (left, right) = (window.per_cent(mark.from), window.per_cent(mark.to));
    let piece = |left: f64, right: f64, class, title: &str| {
        let title = title.to_owned();
        Piece { left, right, class, title }
    };
    if is_packed && mark.class == Class::Bad && right - left > END {
        return vec![
            piece(left, right - END, Class::Wait, ""),
            piece(right - END, right, Class::Bad, &mark.title),
        ];
    }
    vec![piece(left, right, mark.class, &mark.title)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Window {
        use model::{Observation, Seen};
        let at = |at, seen| Observation { at, trial: "t".into(), seen };
        let signal = Seen::Signalled { signal: "SIGTERM".into(), pid: 1 };
        let seen = [at(0, Seen::Unlocked), at(200_000, signal), at(1_200_000, Seen::Unlocked)];
        super::super::window::of(&seen.iter().collect::<Vec<_>>())
    }

    fn lane(marks: Vec<Mark>) -> Lane {
        Lane { name: "in flight".into(), is_packed: true, marks }
    }

    fn mark(from: u64, to: u64, class: Class) -> Mark {
        Mark { from, to, class, title: String::new() }
    }

    #[test]
    fn a_dropped_request_is_red_where_it_was_dropped() {
        let rows = rows(&lane(vec![mark(100_000, 700_000, Class::Bad)]), &window());
        let told: Vec<_> = rows[0].iter().map(|one| (one.class, one.right.round())).collect();
        assert_eq!(told, [(Class::Wait, 57.0), (Class::Bad, 58.0)]);
    }

    #[test]
    fn requests_at_once_lie_above_each_other_and_many_stay_few() {
        let at_once = vec![mark(300_000, 900_000, Class::Ok); 3];
        assert_eq!(rows(&lane(at_once), &window()).len(), 3);
        let many: Vec<_> =
            (0..20_000).map(|n| mark(200_000 + n * 50, 200_000 + n * 50 + 40, Class::Ok)).collect();
        let rows = rows(&lane(many), &window());
        let boxes: usize = rows.iter().map(Vec::len).sum();
        assert!(boxes < 100, "{boxes}");
    }
}
